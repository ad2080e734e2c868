//! What is gained by sending the questions with the highest scores to the
//! strong model, for every number of them.

/// A question, and which model answered it rightly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What was asked.
    pub text: String,
    /// Whether the weak model was right.
    pub weak: bool,
    /// Whether the strong model was right.
    pub strong: bool,
}

/// The share of the gap between the two models that is recovered, over the
/// share of questions that go to the strong one.
#[derive(Debug, Clone)]
pub struct Curve {
    /// Points from (0, 0) to (1, 1), ordered by the first coordinate.
    points: Vec<(f64, f64)>,
}

impl Curve {
    /// The curve of a router: of each question its score and what the strong
    /// model gains on it (1, 0 or -1). Questions of one score come together,
    /// as if in random order.
    #[must_use]
    pub fn of(mut scored: Vec<(f64, i32)>) -> Self {
        scored.sort_by(|one, other| other.0.total_cmp(&one.0));
        let gap = f64::from(scored.iter().map(|(_, gain)| gain).sum::<i32>());
        let all = scored.len() as f64;
        let (mut points, mut sent, mut gained) = (vec![(0.0, 0.0)], 0_usize, 0_i32);
        for group in scored.chunk_by(|one, other| one.0 == other.0) {
            sent += group.len();
            gained += group.iter().map(|(_, gain)| gain).sum::<i32>();
            points.push((sent as f64 / all, f64::from(gained) / gap));
        }
        Self { points }
    }

    /// The area under the curve, by trapezoids: APGR. Of chance it is one half.
    #[must_use]
    pub fn area(&self) -> f64 {
        let areas = self.points.windows(2).map(|pair| match pair {
            [(x0, y0), (x1, y1)] => (x1 - x0) * (y0 + y1) / 2.0,
            _ => 0.0,
        });
        areas.sum()
    }

    /// The smallest share of questions by which so much of the gap is
    /// recovered: CPT.
    #[must_use]
    pub fn share_for(&self, recovered: f64) -> f64 {
        for pair in self.points.windows(2) {
            let [(x0, y0), (x1, y1)] = pair else { continue };
            if *y1 >= recovered {
                let part = if y1 > y0 { (recovered - y0) / (y1 - y0) } else { 1.0 };
                return x0 + (x1 - x0) * part;
            }
        }
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    #[test]
    fn a_perfect_router_a_bad_one_and_one_that_knows_nothing() {
        // Two of four questions need the strong model.
        let perfect = Curve::of(vec![(4.0, 1), (3.0, 1), (2.0, 0), (1.0, 0)]);
        assert!(near(perfect.area(), 0.75), "{}", perfect.area());
        assert!(near(perfect.share_for(0.5), 0.25));
        let bad = Curve::of(vec![(1.0, 1), (2.0, 1), (3.0, 0), (4.0, 0)]);
        assert!(near(bad.area(), 0.25));
        assert!(near(bad.share_for(0.5), 0.75));
        let none = Curve::of(vec![(0.0, 1), (0.0, 0), (0.0, 1), (0.0, 0)]);
        assert!(near(none.area(), 0.5));
        assert!(near(none.share_for(0.8), 0.8));
    }

    #[test]
    fn what_only_the_weak_model_knows_is_lost() {
        let curve = Curve::of(vec![(3.0, -1), (2.0, 1), (1.0, 1)]);
        // Down to -1, then up to 0 and to 1.
        assert!(near(curve.area(), (-0.5 - 0.5 + 0.5) / 3.0), "{}", curve.area());
    }
}
