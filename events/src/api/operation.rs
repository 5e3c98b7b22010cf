//! The operations of the API.

/// An operation: what a request needs, and what is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Method.
    pub method: &'static str,
    /// Path with its parameters in braces.
    pub path: &'static str,
    /// Name of the operation for programs that are generated from the document.
    pub id: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// Who may send the request.
    pub access: Access,
    /// Whether it takes an `Idempotency-Key`.
    pub key: KeyUse,
    /// Type of the body.
    pub body: Option<&'static str>,
    /// Parameters of the query: name, type and meaning.
    pub query: &'static [(&'static str, &'static str, &'static str)],
    /// Status of the answer.
    pub status: u16,
    /// Type of the answer. `None`: any JSON object.
    pub answer: Option<&'static str>,
    /// Statuses of the operation's own problems. Every operation may have others, such as 503.
    pub problems: &'static [u16],
}

/// Who may send a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A customer with a token. What belongs to another customer does not exist for them.
    Customer,
    /// Everyone.
    Everyone,
}

/// Whether an operation takes an `Idempotency-Key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// It does not look at one.
    None,
    /// It needs one.
    Required,
}

/// All operations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        method: "POST",
        path: "/orders",
        id: "placeOrder",
        summary: "Places an order. The same key again is the same order, and has the same answer.",
        access: Access::Customer,
        key: KeyUse::Required,
        body: Some("NewOrder"),
        query: &[],
        status: 202,
        answer: Some("OrderAccepted"),
        problems: &[400, 401, 409, 413, 415, 422],
    },
    Operation {
        method: "GET",
        path: "/orders/{order_id}",
        id: "showOrder",
        summary: "Shows an order with its status and everything that happened to it.",
        access: Access::Customer,
        key: KeyUse::None,
        body: None,
        query: &[],
        status: 200,
        answer: Some("OrderDetails"),
        problems: &[401, 404],
    },
    Operation {
        method: "POST",
        path: "/orders/{order_id}/cancel",
        id: "cancelOrder",
        summary: "Asks for the cancellation of an order that did not leave the warehouse yet.",
        access: Access::Customer,
        key: KeyUse::Required,
        body: None,
        query: &[],
        status: 202,
        answer: Some("OrderCancellation"),
        problems: &[400, 401, 404, 409],
    },
    Operation {
        method: "GET",
        path: "/customers/{customer_id}/orders",
        id: "listOrders",
        summary: "Lists the orders of a customer, newest first. A new order may take a second to \
                  appear.",
        access: Access::Customer,
        key: KeyUse::None,
        body: None,
        query: &[
            ("limit", "integer", "Most orders of the page: 1 to 50, 20 by default."),
            ("page", "string", "Where the page begins: `next` of the page before."),
        ],
        status: 200,
        answer: Some("OrderPage"),
        problems: &[400, 401, 404],
    },
    Operation {
        method: "GET",
        path: "/products/{stock_code}/stock",
        id: "showStock",
        summary: "Shows how much of a product can be ordered.",
        access: Access::Everyone,
        key: KeyUse::None,
        body: None,
        query: &[],
        status: 200,
        answer: Some("ProductStock"),
        problems: &[404],
    },
    Operation {
        method: "GET",
        path: "/openapi.json",
        id: "showOpenApi",
        summary: "Shows this document.",
        access: Access::Everyone,
        key: KeyUse::None,
        body: None,
        query: &[],
        status: 200,
        answer: None,
        problems: &[],
    },
];
