//! A few measurements, turned into a middle, a spread and a ratio. Pure.

/// The middle value; of an even number the mean of the two middle ones. NaN without values.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

/// The least and the greatest value.
pub fn spread(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), v| (least.min(*v), most.max(*v)))
}

/// The median of `base[i] / subject[i]`: how many times as fast the subject is, from runs made one after the other, so
/// that what slows the machine for a while slows both of a pair.
pub fn times_as_fast(base: &[f64], subject: &[f64]) -> f64 {
    let ratios: Vec<f64> = base.iter().zip(subject).map(|(b, s)| b / s).collect();
    median(&ratios)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_when_few_values_then_are_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[7.0]), 7.0);
        assert!(median(&[]).is_nan());
        assert_eq!(spread(&[2.0, 1.0, 3.0]), (1.0, 3.0));
    }

    #[test]
    fn ratios_when_one_pair_is_disturbed_then_stay() {
        // The third pair ran while something else did; both of it were slow.
        assert_eq!(times_as_fast(&[2.0, 2.0, 6.0], &[1.0, 1.0, 3.0]), 2.0);
        assert_eq!(times_as_fast(&[1.0, 1.0, 1.0], &[2.0, 2.0, 40.0]), 0.5);
    }
}
