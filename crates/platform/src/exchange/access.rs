//! Who may act on a job: its token, and the operator's.

use api::error::ApiError;
use job::Root;
use job::effects::Log;
use serde_json::json;

use super::Exchange;
use crate::http::Incoming;

/// Whether a job can be accessed without its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Knowing the job's name is enough.
    Open,
    /// The token must be shown.
    TokenRequired,
    /// The token must be shown; of an ended job it may have expired.
    TokenOfKept,
}

impl Access {
    /// The access needed to change this job: its token, if it was created with one.
    #[must_use]
    pub fn to_change(root: &Root) -> Self {
        match root.token {
            true => Self::TokenRequired,
            false => Self::Open,
        }
    }
}

impl Exchange {
    /// The access needed to cancel this job; `by_name` says that the route is one of apps that
    /// never send a token.
    #[must_use]
    pub fn access_to_cancel(&self, root: &Root, by_name: bool) -> Access {
        let suffices = match by_name {
            true => api::access::name_suffices(root),
            false => !root.token,
        };
        match suffices && self.config.legacy_tokenless {
            true => Access::Open,
            false => Access::TokenRequired,
        }
    }

    /// The token that opens the job now.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn token(&self, root: &Root) -> Result<String, ApiError> {
        self.engine()
            .current_token(root)
            .await
            .map_err(|error| self.store_failed(&error))
    }

    /// Checks that the request may act on the job: a token that is sent must be right, and one that
    /// [`Access`] requires must be sent. `in_body` is a token that the request's body names.
    ///
    /// # Errors
    /// `UNAUTHORIZED`; when the store fails.
    pub async fn authorize(
        &self,
        root: &Root,
        access: Access,
        in_body: Option<&str>,
    ) -> Result<(), ApiError> {
        let header = self
            .request
            .header("authorization")
            .map(|header| api::request::bearer(header).unwrap_or_default())
            .or_else(|| self.request.header("x-auth-token"));
        let Some(token) = header.or(in_body) else {
            return match access {
                Access::TokenRequired | Access::TokenOfKept => Err(ApiError::unauthorized()),
                Access::Open => Ok(()),
            };
        };
        let engine = self.engine();
        let admitted = match access {
            Access::TokenOfKept => engine.admits_after_end(root, token).await,
            Access::TokenRequired | Access::Open => engine.admits(root, token).await,
        };
        let admitted = admitted.map_err(|error| self.store_failed(&error))?;
        if admitted {
            Ok(())
        } else {
            Err(ApiError::unauthorized())
        }
    }

    /// Checks that the request shows the operator's token. A wrong one is answered at once: it is
    /// too long to be guessed, and an instance that waited would be what a guesser takes from
    /// others.
    ///
    /// # Errors
    /// `NOT_FOUND` when there is none to show; `UNAUTHORIZED`.
    pub fn authorize_operator(&self) -> Result<(), ApiError> {
        let Some(token) = &self.config.operator_token else {
            return Err(ApiError::no_such_route());
        };
        let shown = self.request.header("authorization");
        let shown = shown.and_then(api::request::bearer).unwrap_or_default();
        if job::constant_time_eq(token, shown) {
            let Incoming { method, path, .. } = &self.request;
            if method != "GET" {
                let fields = json!({"method": method, "path": path});
                self.spin.log("operator-acted", fields);
            }
            return Ok(());
        }
        self.spin.log("operator-refused", json!({"level": "warn"}));
        Err(ApiError::not_the_operator())
    }
}
