//! Colours by meaning, which people with any colour vision can tell apart.

/// What a colour stands for, so that the same thing looks the same in every picture.
///
/// After Okabe and Ito, "Color Universal Design" (2008), extended by greys and three colours.
/// Neighbours in the usual stacking orders differ in lightness too, so a grey print can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Work that runs.
    Running,
    /// Work that is healthy and takes requests.
    Healthy,
    /// Work that is on its way up.
    Pending,
    /// Work that waits for something outside, before it is on its way.
    Provisioning,
    /// Work on its way down.
    Stopping,
    /// What failed, was lost or is short.
    Failed,
    /// What is wanted.
    Desired,
    /// A limit.
    Capacity,
    /// On-demand instances.
    OnDemand,
    /// Spot instances.
    Spot,
    /// Machines of one's own.
    External,
    /// Fargate.
    Fargate,
    /// Fargate Spot.
    FargateSpot,
    /// The part in use.
    Used,
    /// The part reserved.
    Reserved,
    /// The part that is free and could be used.
    Free,
    /// The part that is free and cannot be used.
    Stranded,
    /// The n-th of several alike: the first twelve are distinct, twelve more are lighter tints.
    Category(usize),
}

/// Red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rgb(pub u8, pub u8, pub u8);

const BLUE: Rgb = Rgb(0x00, 0x72, 0xB2);
const SKY: Rgb = Rgb(0x56, 0xB4, 0xE9);
const GREEN: Rgb = Rgb(0x00, 0x9E, 0x73);
const ORANGE: Rgb = Rgb(0xE6, 0x9F, 0x00);
const YELLOW: Rgb = Rgb(0xF0, 0xE4, 0x42);
const VERMILLION: Rgb = Rgb(0xD5, 0x5E, 0x00);
const PURPLE: Rgb = Rgb(0xCC, 0x79, 0xA7);
const BLACK: Rgb = Rgb(0x00, 0x00, 0x00);
const DARK_GREY: Rgb = Rgb(0x4D, 0x4D, 0x4D);
const GREY: Rgb = Rgb(0x8E, 0x8E, 0x8E);
const SILVER: Rgb = Rgb(0xAA, 0xAA, 0xAA);
const LIGHT_GREY: Rgb = Rgb(0xDD, 0xDD, 0xDD);
const INDIGO: Rgb = Rgb(0x33, 0x22, 0x88);
const MINT: Rgb = Rgb(0xB2, 0xDF, 0xB0);
const BROWN: Rgb = Rgb(0x66, 0x11, 0x00);

/// In this order neighbours differ most for every kind of colour vision, and yellow, weak as a line
/// on white, comes late.
const CATEGORIES: [Rgb; 12] =
    [BLUE, VERMILLION, SKY, DARK_GREY, PURPLE, YELLOW, GREEN, ORANGE, INDIGO, MINT, BROWN, SILVER];

impl Colour {
    pub(super) fn rgb(self) -> Rgb {
        match self {
            Colour::Running | Colour::OnDemand | Colour::Used => BLUE,
            Colour::Healthy | Colour::Fargate => GREEN,
            Colour::Pending | Colour::Spot => ORANGE,
            Colour::Provisioning => YELLOW,
            Colour::Stopping => GREY,
            Colour::Failed | Colour::Stranded => VERMILLION,
            Colour::Desired => BLACK,
            Colour::Capacity | Colour::External => DARK_GREY,
            Colour::FargateSpot => MINT,
            Colour::Reserved => SKY,
            Colour::Free => LIGHT_GREY,
            Colour::Category(n) if (n / CATEGORIES.len()).is_multiple_of(2) => {
                CATEGORIES[n % CATEGORIES.len()]
            }
            Colour::Category(n) => CATEGORIES[n % CATEGORIES.len()].lighter(),
        }
    }
}

impl Rgb {
    /// Mixes with as much white.
    fn lighter(self) -> Rgb {
        let mix = |part: u8| part / 2 + 128;
        Rgb(mix(self.0), mix(self.1), mix(self.2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Colour as seen: linear light through a matrix of Machado, Oliveira and Fernandes, "A
    /// physiologically-based model for simulation of color vision deficiency" (2009), severity 1.
    fn seen(Rgb(r, g, b): Rgb, eye: &[[f64; 3]; 3]) -> [f64; 3] {
        let linear = [r, g, b].map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        lab(eye.map(|row| row.iter().zip(linear).map(|(a, b)| a * b).sum::<f64>().clamp(0.0, 1.0)))
    }

    /// CIE L*a*b* (D65), where a distance of 10 is plain to see.
    fn lab([r, g, b]: [f64; 3]) -> [f64; 3] {
        let f = |t: f64| if t > 0.008856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
        let x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
        let y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
        let z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    const EYES: [[[f64; 3]; 3]; 4] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
        [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
        [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
    ];

    /// The distance in the eyes of whoever can tell the two least apart.
    fn distance(a: Rgb, b: Rgb) -> f64 {
        EYES.iter()
            .map(|eye| {
                let (a, b) = (seen(a, eye), seen(b, eye));
                a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
            })
            .fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn categories_differ_for_every_kind_of_colour_vision() {
        for (i, a) in CATEGORIES.iter().enumerate() {
            for (j, b) in CATEGORIES.iter().enumerate().skip(i + 1) {
                let enough = if j == i + 1 { 25.0 } else { 9.0 };
                let d = distance(*a, *b);
                assert!(d > enough, "{i} {a:?} and {j} {b:?} are only {d:.1} apart");
            }
        }
    }

    #[test]
    fn usual_stacks_can_be_read_in_colour_and_in_grey() {
        use Colour::*;
        let stacks: [&[Colour]; 4] = [
            &[Running, Stopping, Pending, Provisioning],
            &[OnDemand, Spot, Fargate, FargateSpot],
            &[Used, Reserved, Free, Stranded],
            &[Running, Healthy],
        ];
        for pair in stacks.iter().flat_map(|stack| stack.windows(2)) {
            let (a, b) = (pair[0].rgb(), pair[1].rgb());
            let d = distance(a, b);
            assert!(d > 15.0, "{pair:?} are only {d:.1} apart");
            let grey = (seen(a, &EYES[0])[0] - seen(b, &EYES[0])[0]).abs();
            assert!(grey > 10.0, "{pair:?} differ in lightness by {grey:.1} only");
        }
    }

    #[test]
    fn categories_go_on_as_tints() {
        assert_eq!(Colour::Category(12).rgb(), BLUE.lighter());
        assert_eq!(Colour::Category(24).rgb(), BLUE);
        assert_eq!(WHITE.lighter(), WHITE);
    }
    const WHITE: Rgb = Rgb(255, 255, 255);
}
