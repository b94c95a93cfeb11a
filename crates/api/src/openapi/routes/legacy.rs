//! The routes of the first apps.

use serde_json::json;

use super::super::components::Components;
use super::super::operation::{Operation, and, answer, form, json_of, photo, photos};
use super::{LOOKING, MAKING};
use crate::Code::*;
use crate::accepted::{
    LegacyBookshelf, LegacyEnrichment, LegacyEnrichmentBatch, LegacyImport, LegacyReady,
    LegacyScan, LegacyScanBatch, Refreshed,
};
use crate::envelope::WithFlatCopy;
use crate::legacy::{ImportStatusAnswer, JobState, ScanStatus};
use crate::request::{CancelBody, EnrichBody, RefreshBody, ScanBatchBody, WorksBody};
use crate::status::Canceled;

pub(super) fn making(c: &mut Components) -> Vec<Operation> {
    let uploading = and(MAKING, &[UnsupportedMediaType]);
    let enriching = and(MAKING, &[InvalidIsbn, EmptyBatch, BatchTooLarge]);
    let new =
        |id: &str, path: &str, summary: &str| Operation::new("legacy", "post", path, id, summary);
    vec![
        new("legacyScan", "/scan", "Scan a photo without a token")
            .parameters(&["chosenJobId", "keepFailedPhotos", "provider"])
            .takes(photo())
            .answers(
                202,
                answer::<LegacyScan>(c, "The job", &["legacy-scan-accepted"]),
            )
            .fails(c, &uploading),
        new("legacyScanBookshelf", "/api/scan-bookshelf", "Scan a photo")
            .parameters(&["chosenJobId", "keepFailedPhotos", "provider"])
            .takes(photos(form("image", "The photo", false)))
            .answers(
                202,
                answer::<WithFlatCopy<LegacyBookshelf>>(
                    c,
                    "The job",
                    &["legacy-scan-bookshelf-accepted"],
                ),
            )
            .fails(c, &uploading),
        new(
            "legacyScanBatch",
            "/api/scan-bookshelf/batch",
            "Scan photos in base64",
        )
        .parameters(&["keepFailedPhotos", "provider"])
        .takes(json_of(c.request::<ScanBatchBody>()))
        .answers(
            202,
            answer::<WithFlatCopy<LegacyScanBatch>>(c, "The job", &["legacy-scan-batch-accepted"]),
        )
        .fails(c, &and(&uploading, &[EmptyBatch, BatchTooLarge])),
        new("legacyImport", "/api/import/csv-gemini", "Import a library")
            .takes(json!({"multipart/form-data": form("file", "The CSV file", false)}))
            .answers(202, answer::<WithFlatCopy<LegacyImport>>(c, "The job", &[]))
            .fails(c, &uploading),
        new(
            "legacyEnrichWorks",
            "/api/enrichment/start",
            "Look up works by Open Library key or ISBN",
        )
        .takes(json_of(c.request::<WorksBody>()))
        .answers(
            200,
            answer::<WithFlatCopy<LegacyEnrichment>>(c, "The job", &[]),
        )
        .fails(c, &enriching),
        new(
            "legacyEnrichBooks",
            "/api/enrichment/batch",
            "Look up books",
        )
        .takes(json_of(c.request::<EnrichBody>()))
        .answers(
            202,
            answer::<WithFlatCopy<LegacyEnrichmentBatch>>(c, "The job", &[]),
        )
        .fails(c, &enriching),
    ]
}

pub(super) fn following(c: &mut Components) -> Vec<Operation> {
    let new = |id: &str, method, path: &str, summary: &str| {
        Operation::new("legacy", method, path, id, summary)
    };
    let ended = |c: &mut Components| answer::<WithFlatCopy<Canceled>>(c, "How it ended", &[]);
    let not_stopped =
        |c: &mut Components| answer::<WithFlatCopy<Canceled>>(c, "It has not stopped yet", &[]);
    let naming = and(LOOKING, &[MissingParameter, FileTooLarge]);
    let mut all = vec![
        new(
            "legacyScanStatus",
            "get",
            "/scan/status/{jobId}",
            "How far a scan is, with its books when it is done",
        )
        .with_token()
        .answers(
            200,
            answer::<ScanStatus>(
                c,
                "The scan",
                &["legacy-scan-status", "legacy-scan-status-complete"],
            ),
        )
        .fails(c, LOOKING),
        new(
            "legacyReady",
            "post",
            "/scan/ready/{jobId}",
            "Say that the client listens; nothing waits for it",
        )
        .answers(
            200,
            answer::<LegacyReady>(c, "Always, also before the job exists", &[]),
        )
        .fails(c, &[InvalidRequest]),
        new(
            "legacyJobState",
            "get",
            "/api/job-state/{jobId}",
            "How far a job is, in short",
        )
        .with_token()
        .answers(200, answer::<JobState>(c, "The job", &[]))
        .fails(c, LOOKING),
        new(
            "legacyImportStatus",
            "get",
            "/v1/csv/status/{jobId}",
            "How far an import is",
        )
        .with_token()
        .answers(200, answer::<ImportStatusAnswer>(c, "The import", &[]))
        .fails(c, LOOKING),
        new(
            "legacyCancelImport",
            "post",
            "/v1/csv/cancel/{jobId}",
            "Cancel an import",
        )
        .with_token()
        .answers(200, ended(c))
        .answers(202, not_stopped(c))
        .fails(c, LOOKING),
    ];
    for (path, id, summary) in [
        (
            "/api/scan-bookshelf/cancel",
            "legacyCancelScan",
            "Cancel a scan",
        ),
        (
            "/api/enrichment/cancel",
            "legacyCancelEnrichment",
            "Cancel an enrichment",
        ),
    ] {
        let operation = new(id, "post", path, summary)
            .about("The token may be in the body instead of a header.")
            .with_token()
            .takes(json_of(c.request::<CancelBody>()))
            .answers(200, ended(c))
            .answers(202, not_stopped(c))
            .fails(c, &naming);
        all.push(operation);
    }
    let refresh = new(
        "refreshToken",
        "post",
        "/api/token/refresh",
        "Replace a token in the last 30 minutes of its life",
    )
    .takes(json_of(c.request::<RefreshBody>()))
    .answers(
        200,
        answer::<WithFlatCopy<Refreshed>>(c, "The next token", &[]),
    )
    .fails(
        c,
        &[
            InvalidRequest,
            MissingParameter,
            Unauthorized,
            FileTooLarge,
            InternalError,
            ServiceBusy,
        ],
    );
    all.push(refresh);
    all
}
