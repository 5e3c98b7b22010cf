//! Tracks the visibility extensions of a queue's messages that are on their way.

use std::future::Future;

use tokio::sync::watch;

/// The visibility extensions that a driver has begun and not ended.
///
/// SQS applies changes of a message's visibility in the order in which they arrive. A last change,
/// such as a release, is sent only when no extension is on its way. Otherwise an extension that
/// arrives later would hide the released message from every receiver.
#[derive(Debug, Default)]
pub(crate) struct Hides(Vec<(String, watch::Receiver<()>)>);

/// An extension that is on its way until this value is dropped.
#[derive(Debug)]
pub(crate) struct Hiding {
    _until_dropped: watch::Sender<()>,
}

impl Hides {
    /// Begins an extension of the messages with these receipts.
    pub(crate) fn begin<'a>(&mut self, receipts: impl IntoIterator<Item = &'a String>) -> Hiding {
        // `has_changed` fails once the sender is dropped, that is, once the extension is over.
        self.0.retain(|(_, on_its_way)| on_its_way.has_changed().is_ok());
        let (sender, on_its_way) = watch::channel(());
        self.0.extend(receipts.into_iter().map(|receipt| (receipt.clone(), on_its_way.clone())));
        Hiding { _until_dropped: sender }
    }

    /// Waits until every extension of these messages that has begun is over.
    pub(crate) fn over(&self, receipts: &[String]) -> impl Future<Output = ()> + Send + use<> {
        let of_these = self.0.iter().filter(|(receipt, _)| receipts.contains(receipt));
        let waiting: Vec<_> = of_these.map(|(_, on_its_way)| on_its_way.clone()).collect();
        async move {
            for mut on_its_way in waiting {
                while on_its_way.changed().await.is_ok() {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn receipts(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_release_waits_for_every_extension_of_its_messages_and_for_no_other() {
        let mut hides = Hides::default();
        let [first, again, other] =
            [&["a", "b"][..], &["a"], &["c"]].map(|names| hides.begin(&receipts(names)));
        let mut over = Box::pin(hides.over(&receipts(&["a", "x"])));
        assert_eq!(over.as_mut().now_or_never(), None, "two are on their way");
        drop(first);
        assert_eq!(over.as_mut().now_or_never(), None, "one is on its way");
        assert_eq!(hides.over(&receipts(&["b"])).now_or_never(), Some(()), "it is over");
        drop(again);
        assert_eq!(over.now_or_never(), Some(()), "that of another message is no matter");
        drop(other);
        drop(hides.begin(&receipts(&["d"])));
        assert_eq!(hides.0.len(), 1, "what is over is forgotten");
    }
}
