//! Choosing which book a book of an ended job is.

use api::choice::Chosen;
use api::error::ApiError;
use api::request;
use api::scan::Shown;
use api::v3::{self, Kind};
use books::Found;
use job::{ChooseError, ChosenBy, MAX_CHOICES, Pick};
use platform::exchange::{Exchange, Response};

use crate::books_now;
use crate::retry::ended_job;

/// A job and the number of one of its books.
pub(crate) struct ChoiceTarget {
    id: String,
    index: String,
    kind: Option<Kind>,
}

/// The book that a path names: `/api/v2/imports/{jobId}/books/{index}`,
/// `/v3/jobs/{kind}/{jobId}/books/{index}`.
pub(crate) fn route(path: &str) -> Option<ChoiceTarget> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (id, index, kind) = match parts.as_slice() {
        ["api", "v2", "imports", id, "books", index] => (id, index, None),
        ["v3", "jobs", kind, id, "books", index] => (id, index, Some(Kind::parse(kind)?)),
        _ => return None,
    };
    Some(ChoiceTarget {
        id: (*id).to_owned(),
        index: (*index).to_owned(),
        kind,
    })
}

/// Makes the choice, and answers with the book as it is then.
pub(crate) async fn serve(exchange: &Exchange, route: ChoiceTarget) -> Result<Response, ApiError> {
    let id = request::job_id(&route.id)?;
    let root = ended_job(exchange, &id, route.kind).await?;
    let index: u32 = (route.index.parse())
        .map_err(|_| ApiError::invalid("index", "must be a whole number from 0 on"))?;
    if index >= root.results() {
        return Err(ApiError::no_such_index(&id, index));
    }
    let limits = &exchange.config.settings.limits;
    let pick = match Chosen::read(&exchange.small_json_body().await?, limits)? {
        Chosen::Nothing => Pick::Nothing,
        Chosen::Candidate(number) => Pick::Candidate(number),
        Chosen::LookUp(by, wanted) => {
            let is_title_alone = by == ChosenBy::TitleAuthor && wanted.author.is_empty();
            books_now::admit(exchange).await?;
            let looked = books_now::look_up(exchange, vec![wanted]).await?;
            match looked.found() {
                Some(Found::Record(record)) => Pick::Record(by, record.clone()),
                _ if is_title_alone && !looked.has_asked() => {
                    return Err(ApiError::title_too_short());
                }
                _ => return Err(looked.problem(exchange, ApiError::nothing_to_choose())),
            }
        }
    };
    let item = match exchange.engine().choose(&root, index, pick).await {
        Ok(item) => item,
        Err(ChooseError::NoSuchBook) => return Err(ApiError::no_such_index(&id, index)),
        Err(ChooseError::NoSuchCandidate) => {
            return Err(ApiError::invalid(
                "candidate",
                "is none of the book's candidates",
            ));
        }
        Err(ChooseError::Full) => return Err(ApiError::too_many_choices(MAX_CHOICES)),
        Err(ChooseError::Busy) => return Err(ApiError::busy(std::time::Duration::from_secs(1))),
        Err(ChooseError::Stop(job::Stop::Store(error))) => {
            return Err(exchange.store_failed(&error));
        }
        Err(ChooseError::Stop(stop)) => return Err(exchange.internal(&stop.to_string())),
    };
    Ok(match route.kind {
        None => exchange.success(200, &Shown::of(&root, &item)),
        Some(_) => exchange.success(200, &v3::ResultBook::of(&root, &item)),
    })
}
