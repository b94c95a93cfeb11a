//! The component `reader`: reads the lettering on the spines of books, the stage of a scan whose
//! photos no vision model looks at. Sends requests only to the application itself.
//!
//! Start at `handle`: every request is a run of this stage. The networks are in the crate
//! `spines`; `spine` lends them to the engine step by step.

mod spine;

use api::error::ApiError;
use job::SpineStage;
use platform::exchange::Exchange;
use platform::runs;
use spine::Spines;

platform::component!("reader", handle);

async fn handle(exchange: &mut Exchange) {
    match runs::job_of(&exchange.request.path, "reader") {
        Some(id) => runs::serve(exchange, &id, &SpineStage { reader: Spines }).await,
        None => exchange.refuse(&ApiError::no_such_route()).await,
    }
}
