//! A real shop's invoices through all functions, compared with a fold over their file.

use super::system::{Opening, Shop};
use crate::programs::shown;
use crate::world::sample;

/// Payments of which the provider forgets to answer, after it charged them: one in twenty. One in
/// fifty is declined.
const SCRIPT: &str = r#"{ "drop_percent": 5, "decline_one_in": 50 }"#;

#[tokio::test(flavor = "multi_thread")]
async fn stock_money_ledger_and_orders_equal_a_fold_over_the_file() {
    // On a busy machine a batch may run out of time, and its messages stay hidden for minutes.
    let time_scale = Some(3.0);
    let opening = Opening { script: Some(SCRIPT), seed: 19, time_scale, ..Opening::default() };
    let shop = Shop::open_as(opening).await;
    let file = sample();
    let file = file.to_str().expect("a file name in UTF-8");
    shop.world.shop_json(&["import", "online-retail", file, "--json"]).await;
    shop.world.settle().await;
    let checked = shop.check(&sample(), usize::MAX).await;
    let text = shown(&checked);
    println!("{text}");
    assert!(checked.status.success(), "{text}");
    shop.close().await;
}
