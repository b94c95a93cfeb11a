import Foundation
import XCTest

/// The decoders of the shipped apps over what the running application answers. `tests/swift/answers.mjs` collects the
/// answers; the file's name is in `ANSWERS`.
final class ShippedAppsTests: XCTestCase {
    /// Which builds, by letters in the order in which they were read (D is the first app, A the newest), decode which answer as what. The apps try some types
    /// first that must not fit.
    private static let rows: [(builds: String, answer: String, type: any Decodable.Type, fits: Bool)] = [
        ("D", "POST /scan", Named.self, true),
        ("C", "POST /scan?jobId=", ScanStages.self, true),
        ("A B", "POST /api/v2/imports", TokenedAnswer.self, true),
        ("A B", "POST /api/batch-scan", TokenedAnswer.self, true),
        ("A B", "POST /api/batch-enrich", TokenedAnswer.self, true),
        ("A C E", "POST /api/scan-bookshelf", ScanStream.self, true),
        ("A C2", "POST /api/scan-bookshelf/batch", BatchScan.self, true),
        ("A E F", "POST /api/import/csv-gemini", Tokened.self, true),
        ("C D", "POST /api/enrichment/start", EnrichStarted.self, true),
        ("E F A", "POST /api/enrichment/batch", EnrichBatch.self, true),
        ("C D", "GET /scan/status", ScanStatus.self, true),
        ("E F", "GET /api/job-state", JobState.self, true),
        ("E F", "GET /v1/csv/status (running)", ImportStatus.self, true),
        ("E F", "GET /v1/csv/status (completed)", ImportStatus.self, true),
        ("E F", "GET /v1/csv/status (failed)", ImportStatus.self, true),
        ("A B", "GET /api/v2/imports", StatusAnswer.self, true),
        ("A B", "GET /v1/jobs/status", StatusAnswer.self, true),
        ("A E F", "POST /v1/csv/cancel", CancelAnswer.self, true),
        ("A B", "DELETE /api/v2/jobs/cancel", CancelAnswer.self, true),
        ("A B", "GET /api/v2/capabilities", Capabilities.self, true),
        ("A B", "an error", Failed.self, true),
        ("A B F", "GET results (import)", ImportResults.self, true),
        ("A B F", "GET results (enrichment)", EnrichmentResults.self, true),
        ("A B F", "GET results (scan)", ScanResults.self, true),
        ("C D", "socket legacy", LegacyMessage.self, true),
        ("E", "socket 1.0.0 started", Started.self, true),
        ("A F", "socket 2.0.0 started", Started.self, true),
        ("E", "socket 1.0.0 progress", Progress.self, true),
        ("A F", "socket 2.0.0 progress", Progress.self, true),
        ("E", "socket 1.0.0 error", SocketError.self, true),
        ("A F", "socket 2.0.0 error", SocketError.self, true),
        ("E", "socket 1.0.0 ready_ack", ReadyAck.self, true),
        ("E", "socket 1.0.0 end (import)", FlatImportEnd.self, true),
        ("E", "socket 1.0.0 end (scan)", FlatScanEnd.self, true),
        ("E", "socket 1.0.0 end (enrichment)", FlatEnrichEnd.self, true),
        ("A B F", "socket 1.0.0 end (enrichment)", ScanEnd.self, false),
        ("A B F", "socket 1.0.0 end (enrichment)", JobEnd.self, true),
        ("A B F", "socket 1.0.0 end (import)", ScanEnd.self, false),
        ("A B F", "socket 1.0.0 end (import)", JobEnd.self, true),
        ("A B F", "socket 1.0.0 end (scan)", ScanEnd.self, true),
        ("A F", "socket 2.0.0 end (import)", ScanEnd.self, false),
        ("A F", "socket 2.0.0 end (import)", JobEnd.self, true),
        ("A F", "socket 2.0.0 end (scan)", ScanEnd.self, true),
        ("F", "socket 1.0.0 end (scan)", SnakeScanEnd.self, true),
        ("F", "socket 2.0.0 end (scan)", SnakeScanEnd.self, true),
        ("A B", "stream", StreamState.self, true),
        ("A B", "stream failed", StreamFailed.self, true),
        ("A B", "stream refused", StreamFailed.self, true),
        ("A", "photoscan.progress", PhotoProgress.self, true),
        ("A", "photoscan.completed", PhotoCompleted.self, true),
        ("A", "photoscan.failed", PhotoFailed.self, true),
        ("A", "photoscan refused", PhotoFailed.self, true),
    ]

    func testEveryBuildDecodesWhatItIsAnswered() throws {
        guard let file = ProcessInfo.processInfo.environment["ANSWERS"], !file.isEmpty else {
            throw XCTSkip("ANSWERS names no file: tests/swift/answers.mjs makes one")
        }
        let all = try XCTUnwrap(JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: file))) as? [String: [Any]])
        for row in Self.rows {
            let answers = all[row.answer] ?? []
            XCTAssertFalse(answers.isEmpty, "\(row.answer): nothing was answered")
            for answer in answers {
                let bytes = try JSONSerialization.data(withJSONObject: answer, options: .fragmentsAllowed)
                do {
                    _ = try JSONDecoder().decode(row.type, from: bytes)
                    XCTAssertTrue(row.fits, "\(row.builds) take \(row.answer) for \(row.type)")
                } catch {
                    XCTAssertFalse(row.fits, "\(row.builds) cannot read \(row.answer): \(error)")
                }
            }
            print("\(row.builds): \(row.answer): \(row.fits ? "" : "not ")\(row.type), \(answers.count) answers")
        }
    }
}
