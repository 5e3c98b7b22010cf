//! Contents of commands and events of payments.

use events::{
    AuthorisePayment, CapturePayment, CaptureRefused, Money, PaymentAuthorised, PaymentCaptured,
    PaymentDeclined, PaymentRefunded, PaymentReleased, RefundRefused, ReleasePayment,
};

use super::{TOTAL, goods_return, lost_order, order};

pub fn authorise_payment() -> AuthorisePayment {
    AuthorisePayment { order_id: order(), amount: Money::pence(TOTAL) }
}

pub fn capture_payment() -> CapturePayment {
    CapturePayment { order_id: order() }
}

pub fn release_payment() -> ReleasePayment {
    ReleasePayment { order_id: lost_order() }
}

pub fn payment_authorised() -> PaymentAuthorised {
    PaymentAuthorised {
        order_id: order(),
        amount: Money::pence(TOTAL),
        reference: "payment-536365".to_owned(),
    }
}

pub fn payment_declined() -> PaymentDeclined {
    PaymentDeclined { order_id: lost_order(), reason: "insufficient_funds".to_owned() }
}

pub fn payment_captured() -> PaymentCaptured {
    PaymentCaptured { order_id: order(), amount: Money::pence(TOTAL) }
}

pub fn capture_refused() -> CaptureRefused {
    CaptureRefused { order_id: lost_order(), reason: "authorisation_expired".to_owned() }
}

pub fn payment_released() -> PaymentReleased {
    PaymentReleased { order_id: lost_order(), amount: Some(Money::pence(1_530)) }
}

pub fn payment_refunded() -> PaymentRefunded {
    PaymentRefunded { return_id: goods_return(), amount: Money::pence(255) }
}

pub fn refund_refused() -> RefundRefused {
    RefundRefused { return_id: goods_return(), reason: "account_closed".to_owned() }
}
