//! Axes: from numbers to positions, with ticks a person would have chosen.

/// One tick: where it stands (in data units) and how it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Position in data units.
    pub at: f64,
    /// What is written beside it.
    pub label: Label,
}

/// A tick's text.
#[derive(Clone, Debug, PartialEq)]
pub enum Label {
    /// As it stands.
    Plain(String),
    /// Ten to a power, set with a raised exponent.
    Power(i32),
    /// A mark without text.
    None,
}

/// A linear or logarithmic map from a data interval to a pixel interval.
#[derive(Clone, Debug)]
pub struct Scale {
    /// Distance of ticks; `None` on a logarithmic scale, whose ends are powers of ten.
    step: Option<f64>,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// A linear scale over `values` with a little room at the ends, except at zero; non-finite
    /// values are ignored.
    pub fn linear(values: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Scale {
        // Beyond 1e300 a range would overflow; below 1e-300 its parts would be subnormal.
        let usable = values.into_iter().filter(|v| v.abs() <= 1e300);
        let usable = usable.map(|v| if v.abs() < 1e-300 { 0.0 } else { v });
        let (mut low, mut high) = extent(usable).unwrap_or((0.0, 1.0));
        if high - low <= 1e-12 * low.abs().max(high.abs()) {
            let half = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
            (low, high) = (low - half, high + half);
        }
        let step = nice_step(high - low);
        let room = 0.04 * (high - low);
        let low = if low == 0.0 { low } else { low - room };
        let high = if high == 0.0 { high } else { high + room };
        Scale { step: Some(step), low, high, from, to }
    }

    /// A logarithmic scale over the positive ones of `values`; zeros, negatives and non-finite
    /// values have no place on it.
    pub fn log(values: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Scale {
        let positive = values.into_iter().filter(|v| v.is_finite() && *v >= f64::MIN_POSITIVE);
        let (low, high) = extent(positive).unwrap_or((1.0, 10.0));
        // At least one decade, so that one point or equal points sit in the middle of it.
        let (mut low, mut high) = (low.log10(), high.log10());
        if high - low < 1.0 {
            let middle = 0.5 * (low + high);
            (low, high) = (middle - 0.5, middle + 0.5);
        }
        let margin = 0.03 * (high - low);
        Scale { step: None, low: low - margin, high: high + margin, from, to }
    }

    /// Where `value` stands, in pixels; what lies beyond the axis is moved to its end.
    pub fn place(&self, value: f64) -> f64 {
        let v = if self.step.is_none() { value.log10() } else { value };
        let share = ((v - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        self.from + share * (self.to - self.from)
    }

    /// About five ticks for a linear scale; decades (or 1, 2, 5 within few) for a logarithmic one.
    pub fn ticks(&self) -> Vec<Tick> {
        match self.step {
            Some(step) => self.linear_ticks(step),
            None => self.log_ticks(),
        }
    }

    fn linear_ticks(&self, step: f64) -> Vec<Tick> {
        let (first, last) = ((self.low / step).ceil() as i64, (self.high / step).floor() as i64);
        (first..=last)
            .map(|k| {
                let at = k as f64 * step;
                Tick { at, label: Label::Plain(tick_text(at, step)) }
            })
            .collect()
    }

    fn log_ticks(&self) -> Vec<Tick> {
        let (first, last) = (self.low.ceil() as i32, self.high.floor() as i32);
        if self.high - self.low < 2.2 {
            let mut ticks = Vec::new();
            for power in self.low.floor() as i32..=self.high.floor() as i32 {
                for digit in [1.0, 2.0, 5.0] {
                    let at = digit * 10f64.powi(power);
                    if (self.low..=self.high).contains(&at.log10()) {
                        ticks.push(Tick { at, label: Label::Plain(short(at)) });
                    }
                }
            }
            return ticks;
        }
        let stride = (last - first + 6) / 6;
        // Unlabelled marks between thinned labels, but not so many that they fill the plot.
        let minor = if stride > 6 { stride } else { 1 };
        (first..=last)
            .filter(|power| power.rem_euclid(minor) == 0)
            .map(|power| Tick {
                at: 10f64.powi(power),
                label: if power.rem_euclid(stride) == 0 {
                    Label::Power(power)
                } else {
                    Label::None
                },
            })
            .collect()
    }
}

fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |e, v| match e {
        None => Some((v, v)),
        Some((a, b)) => Some((f64::min(a, v), f64::max(b, v))),
    })
}

/// The least step among 1, 2, 5 times a power of ten that cuts `range` into at most six parts.
fn nice_step(range: f64) -> f64 {
    let rough = range / 6.0;
    let power = 10f64.powf(rough.log10().floor());
    let digit = rough / power;
    power
        * if digit <= 1.0 {
            1.0
        } else if digit <= 2.0 {
            2.0
        } else if digit <= 5.0 {
            5.0
        } else {
            10.0
        }
}

/// A tick's number with exactly the decimals its step needs.
fn tick_text(value: f64, step: f64) -> String {
    let value = if value.abs() < step * 1e-6 { 0.0 } else { value };
    if value != 0.0 && (value.abs() >= 1e6 || step < 1e-4) {
        return short(value);
    }
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    minus(&format!("{value:.decimals$}"))
}

/// Up to three significant digits, in the shorter of the plain and the exponent form.
pub fn short(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    if !value.is_finite() {
        return if value.is_nan() {
            "–".into()
        } else if value > 0.0 {
            "∞".into()
        } else {
            "−∞".into()
        };
    }
    let size = value.abs();
    let text = if (1e-3..1e6).contains(&size) {
        let decimals = (2.0 - size.log10().floor()).max(0.0) as usize;
        let text = format!("{value:.decimals$}");
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').into()
        } else {
            text
        }
    } else {
        let text = format!("{value:.2e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        let digits = digits.trim_end_matches('0').trim_end_matches('.');
        format!("{digits}e{power}")
    };
    minus(&text)
}

/// A true minus sign, which is as wide as a digit.
fn minus(text: &str) -> String {
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(scale: &Scale) -> Vec<String> {
        scale
            .ticks()
            .iter()
            .map(|t| match &t.label {
                Label::Plain(text) => text.clone(),
                Label::Power(p) => format!("10^{p}"),
                Label::None => ".".into(),
            })
            .collect()
    }

    #[test]
    fn linear_axes_tick_round_numbers() {
        let of = |values: [f64; 2]| texts(&Scale::linear(values, 0.0, 1.0));
        assert_eq!(of([0.0, 0.93]), ["0.0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(of([-7.0, 13.0]), ["−5", "0", "5", "10"]);
        assert_eq!(of([12_300.0, 48_000.0]), ["20000", "30000", "40000"]);
        assert_eq!(of([0.101, 0.1042]), ["0.101", "0.102", "0.103", "0.104"]);
    }

    #[test]
    fn log_axes_tick_decades_and_thin_them() {
        assert_eq!(texts(&Scale::log([1.0, 5000.0], 0.0, 1.0)), ["10^0", "10^1", "10^2", "10^3"]);
        assert_eq!(
            texts(&Scale::log([0.02, 0.9], 0.0, 1.0)),
            ["0.02", "0.05", "0.1", "0.2", "0.5", "1"]
        );
        let wide = texts(&Scale::log([1e-12, 1e3], 0.0, 1.0));
        assert_eq!(wide.len(), 16);
        assert_eq!(wide.iter().filter(|t| *t != ".").count(), 6, "{wide:?}");
    }

    #[test]
    fn placement_is_monotone_and_stays_inside() {
        let s = Scale::log([1e-3, 1e3], 100.0, 0.0);
        assert!(s.place(1e-3) > s.place(1.0) && s.place(1.0) > s.place(1e3));
        assert!((s.place(1.0) - 50.0).abs() < 1e-9);
        assert_eq!(s.place(1e300), 0.0);
    }

    #[test]
    fn degenerate_data_still_give_a_scale() {
        for scale in [
            Scale::linear([], 0.0, 10.0),
            Scale::linear([5.0], 0.0, 10.0),
            Scale::linear([0.0, 0.0], 0.0, 10.0),
            Scale::linear([f64::NAN, f64::INFINITY, 2.0], 0.0, 10.0),
            Scale::linear([1e-320, 2e-320], 0.0, 10.0),
            Scale::linear([-1e300, 1e300], 0.0, 10.0),
            Scale::linear([1e15, 1e15 + 1.0], 0.0, 10.0),
            Scale::log([], 0.0, 10.0),
            Scale::log([0.0, -1.0], 0.0, 10.0),
            Scale::log([3.0], 0.0, 10.0),
            Scale::log([5e-324, 1.0], 0.0, 10.0),
            Scale::log([1e-300, 1e300], 0.0, 10.0),
        ] {
            let ticks = scale.ticks();
            assert!((1..=40).contains(&ticks.len()), "{scale:?} {}", ticks.len());
            for t in ticks {
                let at = scale.place(t.at);
                assert!(at.is_finite() && (-1e-9..=10.0 + 1e-9).contains(&at), "{scale:?} {t:?}");
            }
        }
        assert!((Scale::linear([5.0], 0.0, 10.0).place(5.0) - 5.0).abs() < 1e-9);
        assert!((Scale::log([3.0], 0.0, 10.0).place(3.0) - 5.0).abs() < 1e-9);
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (0.0123456, "0.0123"),
            (123456.0, "123456"),
            (-2.5, "−2.5"),
            (1.0e-9, "1e−9"),
            (3.14159e12, "3.14e12"),
            (100.0, "100"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}
