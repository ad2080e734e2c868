//! Parts of a program that run side by side and end together.

use tokio_util::sync::CancellationToken;

/// Runs a part; its end, for whatever reason, ends the others.
///
/// # Errors
/// Those of the part.
pub async fn until_end<E>(
    cancel: &CancellationToken,
    part: impl Future<Output = Result<(), E>>,
) -> Result<(), E> {
    let _end = cancel.clone().drop_guard();
    part.await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_of_one_part_ends_the_others() {
        let cancel = CancellationToken::new();
        let (first, second) = tokio::join!(
            until_end(&cancel, async { Err("broken") }),
            until_end(&cancel, async {
                cancel.cancelled().await;
                Ok::<_, &str>(())
            }),
        );
        assert_eq!((first, second), (Err("broken"), Ok(())));
    }
}
