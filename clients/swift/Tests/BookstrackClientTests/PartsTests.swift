import Foundation
import XCTest
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

@testable import BookstrackClient

final class EventStreamParserTests: XCTestCase {
    private func frames(_ text: String, piece: Int = 1 << 20) throws -> [Frame] {
        var parser = EventStreamParser()
        let bytes = Data(text.utf8)
        return try stride(from: 0, to: bytes.count, by: piece).flatMap { try parser.push(bytes.dropFirst($0).prefix(piece)) }
    }

    func testAStreamIsReadAsTheStandardSaysHoweverItIsCut() throws {
        let text = "\u{feff}data:a\r\ndata: b\rdata\n\nid: 1\ndata:  c\r\rid: 2\0\nevent: é€😀\ndata: d\n\nid\ndata: e\n\nevent: none\n\ndata: {\"half"
        let expected = [
            Frame(event: "message", data: "a\nb\n", id: ""), Frame(event: "message", data: " c", id: "1"),
            Frame(event: "é€😀", data: "d", id: "1"), Frame(event: "message", data: "e", id: ""),
        ]
        for piece in 1..<20 { XCTAssertEqual(try frames(text, piece: piece), expected, "in pieces of \(piece)") }
    }

    func testRetryCountsOnlyAsDigits() throws {
        var parser = EventStreamParser()
        _ = try parser.push(Data("retry: 250\nretry: +3\nretry: soon\nretry:\nretry: 99999999999999999999\n".utf8))
        XCTAssertEqual(parser.retry, .milliseconds(250))
    }

    func testAnEndlessEventIsRefused() throws {
        var parser = EventStreamParser()
        XCTAssertThrowsError(try parser.push(Data(repeating: 120, count: EventStreamParser.maxEvent + 1)))
        parser = EventStreamParser()
        let line = Data("data: \(String(repeating: "y", count: 1000))\n".utf8)
        XCTAssertThrowsError(try (0..<2000).forEach { _ in _ = try parser.push(line) })
    }
}

final class StrategyTests: XCTestCase {
    func testAnAbsentServerIsAskedEverMoreRarelyAndItsStreamsAreNotBlamed() {
        var strategy = Strategy(mode: .auto, timing: Timing())
        let next = (0..<7).map { _ in
            let after = strategy.streamEnded(.unreachable, jitter: 0)
            return after.step == .probe ? strategy.probeFailed(jitter: 0) : after
        }
        XCTAssertEqual(next.map(\.pause), [1, 2, 4, 8, 15, 15, 15].map { .seconds($0) })
        XCTAssertTrue(next.allSatisfy { $0.step == .stream })
    }

    func testStreamsWithoutAConnectionAreBlamedWhenTheStatusIsAnsweredTwice() {
        var strategy = Strategy(mode: .auto, timing: Timing())
        for step in [Step.stream, .stream, .probe] { XCTAssertEqual(strategy.streamEnded(.unreachable, jitter: 0).step, step) }
        XCTAssertFalse(strategy.blamesStreams())
        XCTAssertEqual(strategy.polled(retryAfter: nil, blocked: false).step, .stream)
        XCTAssertEqual(strategy.streamEnded(.unreachable, jitter: 0).step, .probe)
        XCTAssertTrue(strategy.blamesStreams())
    }

    func testANetworkThatComesBackBetweenStreamAndProbeIsNotBlamedOnStreams() {
        var strategy = Strategy(mode: .auto, timing: Timing())
        XCTAssertEqual(strategy.streamEnded(.silent, jitter: 0).step, .probe)
        XCTAssertFalse(strategy.blamesStreams())
        XCTAssertEqual(strategy.polled(retryAfter: nil, blocked: false).step, .stream)
        strategy.succeeded()
        for blames in [false, true] {
            XCTAssertEqual(strategy.streamEnded(.silent, jitter: 0).step, .probe)
            XCTAssertEqual(strategy.blamesStreams(), blames)
        }
    }

    func testStreamsAreGivenUpOnlyWhenTheStatusWorks() {
        var strategy = Strategy(mode: .auto, timing: Timing())
        XCTAssertEqual(strategy.streamEnded(.silent, jitter: 0).step, .probe)
        XCTAssertEqual(strategy.probeFailed(jitter: 0).step, .stream)
        XCTAssertEqual(strategy.streamEnded(.refused, jitter: 0).step, .probe)
        XCTAssertEqual(strategy.polled(retryAfter: .seconds(86_400), blocked: true).pause, .seconds(60))
        XCTAssertEqual(strategy.polled(retryAfter: .zero, blocked: false).pause, .milliseconds(100))
    }
}

/// This package's own types over what the running application answers: see `ShippedAppsTests`.
final class AnswersTests: XCTestCase {
    private struct Envelope<T: Decodable>: Decodable {
        var data: T
    }

    func testWhatTheApplicationAnswersIsRead() throws {
        guard let file = ProcessInfo.processInfo.environment["ANSWERS"], !file.isEmpty else {
            throw XCTSkip("ANSWERS names no file: tests/swift/answers.mjs makes one")
        }
        let all = try XCTUnwrap(JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: file))) as? [String: [Any]])
        func read<T: Decodable>(_ name: String, _: T.Type) throws -> [T] {
            let answers = all[name] ?? []
            XCTAssertFalse(answers.isEmpty, "\(name): nothing was answered")
            return try answers.map { try JSONDecoder().decode(Envelope<T>.self, from: JSONSerialization.data(withJSONObject: $0)).data }
        }
        for name in ["POST /api/v2/imports", "POST /api/batch-scan", "POST /api/batch-enrich"] {
            for accepted in try read(name, Accepted.self) { XCTAssertNotNil(accepted.authToken, name) }
        }
        for snapshot in try read("GET /api/v2/imports", Snapshot.self) { XCTAssertNotNil(snapshot.stage) }
        for capabilities in try read("GET /api/v2/capabilities", Capabilities.self) { XCTAssertNotNil(capabilities.limits["maxPhotos"]) }
        let imported = try read("GET results (import)", Results.self)
        XCTAssertTrue(imported.contains { results in results.books.contains { $0.source?.userRating == 4 && $0.source?.readingStatus == "read" } })
        XCTAssertTrue(imported.allSatisfy { $0.enrichmentSucceeded != nil && $0.errors != nil })
        XCTAssertTrue(try read("GET results (scan)", Results.self).contains { $0.books.contains { $0.boundingBox != nil } && $0.totalDetected != nil })
        XCTAssertTrue(try read("GET results (enrichment)", Results.self).contains { $0.books.contains { $0.matchConfidence != nil } })
    }
}

final class ConnectionTests: XCTestCase {
    /// Cancelling holds a lock of the task's that resuming takes.
    func testCancellingWhilePiecesComeDoesNotDeadlock() async {
        for _ in 0..<2000 {
            let task = URLSession.shared.dataTask(with: URL(string: "http://127.0.0.1:9")!)
            let connection = Connection(task, limit: .seconds(60), idle: .seconds(60), onProgress: nil)
            let reading = Task { while try await connection.next() != nil {} }
            let writing = Task.detached { for _ in 0..<20 { connection.take(.data(Data([1]))) } }
            await Task.yield()
            reading.cancel()
            await writing.value
            if case .success = await reading.result { XCTFail("it was cancelled") }
        }
    }
}

final class OutageTests: XCTestCase {
    func testTimeInWhichNobodyAskedIsNoOutage() {
        let begin = SuspendingClock.now
        var outage = Outage(overAt: begin)
        XCTAssertEqual(outage.failed(at: begin + .seconds(3), pause: .seconds(1), limit: .seconds(30)), .seconds(4))
        XCTAssertEqual(outage.failed(at: begin + .seconds(6), pause: .seconds(15), limit: .seconds(30)), .seconds(21))
        // Suspended for an hour, in the pause or while an answer was waited for.
        XCTAssertEqual(outage.failed(at: begin + .seconds(3606), pause: .seconds(15), limit: .seconds(30)), .seconds(66))
        XCTAssertEqual(outage.failed(at: begin + .seconds(3651), pause: .seconds(2), limit: .seconds(30)), .seconds(98))
    }
}

final class ModelTests: XCTestCase {
    private func snapshot(_ processed: Int, status: String = "processing") throws -> Snapshot {
        let json = #"{"jobId":"j","status":"\#(status)","progress":0.5,"processedCount":\#(processed),"totalCount":10,"stage":"dreaming","novelty":[1],"currentTitle":"\#(String(repeating: "é", count: 500))"}"#
        return try JSONDecoder().decode(Snapshot.self, from: Data(json.utf8))
    }

    func testUnknownFieldsStagesAndStatusesAreRead() throws {
        let read = try snapshot(1, status: "pondering")
        XCTAssertEqual(read.status.rawValue, "pondering")
        XCTAssertFalse(read.status.isTerminal)
        XCTAssertEqual(read.stage, "dreaming")
    }

    func testAnActivityStateIsSmallAndThrottled() throws {
        let job = Job(id: "j")
        var throttle = ActivityThrottle(interval: .seconds(5))
        let begin = ContinuousClock.now
        let first = throttle.state(after: Update(event: .progress(try snapshot(1)), job: job), at: begin)
        XCTAssertLessThan(try JSONEncoder().encode(XCTUnwrap(first)).count, 400)
        XCTAssertNil(throttle.state(after: Update(event: .progress(try snapshot(2)), job: job), at: begin + .seconds(4)))
        XCTAssertEqual(throttle.state(after: Update(event: .progress(try snapshot(3)), job: job), at: begin + .seconds(5))?.processed, 3)
        XCTAssertNil(throttle.state(after: Update(event: .progress(try snapshot(3)), job: job), at: begin + .seconds(60)))
        XCTAssertEqual(throttle.state(after: Update(event: .completed(try snapshot(10, status: "completed")), job: job), at: begin + .seconds(61))?.status, .completed)
        XCTAssertNil(throttle.state(after: Update(event: .using(.poll), job: job)))
    }

    func testWhatWasKeptBackIsShownBeforeALullAndAJobThatStandsStillIsOver() throws {
        let job = Job(id: "j")
        var throttle = ActivityThrottle(interval: .seconds(5))
        let begin = ContinuousClock.now
        XCTAssertNotNil(throttle.state(after: Update(event: .progress(try snapshot(1)), job: job), at: begin))
        XCTAssertNil(throttle.held)
        XCTAssertNil(throttle.state(after: Update(event: .progress(try snapshot(2)), job: job), at: begin + .seconds(1)))
        XCTAssertNil(throttle.state(after: Update(event: .progress(try snapshot(3)), job: job), at: begin + .seconds(2)))
        XCTAssertEqual(throttle.held?.at, begin + .seconds(5))
        XCTAssertNil(throttle.state(at: begin + .seconds(4)))
        XCTAssertEqual(throttle.state(at: begin + .seconds(5))?.processed, 3)
        XCTAssertNil(throttle.state(at: begin + .seconds(60)))
        XCTAssertEqual(throttle.state(after: Update(event: .timeout("slow"), job: job), at: begin + .seconds(61))?.status, .stalled)
    }

    func testATitleOfAnyCharactersFitsAnActivity() throws {
        var marked = try snapshot(1)
        marked.currentTitle = String(repeating: "e" + String(repeating: "\u{301}", count: 500), count: 100)
        XCTAssertLessThan(try JSONEncoder().encode(ActivityState(marked)).count, 500)
        marked.currentTitle = String(repeating: "👩‍👩‍👧‍👦", count: 100)
        XCTAssertLessThan(try JSONEncoder().encode(ActivityState(marked)).count, 500)
    }

    func testWhatTheFileSaysOfABookIsRead() throws {
        let json = #"{"title":"Dune","source":{"userRating":4.5,"readingStatus":"read","shelves":["sf"],"series":{"name":"Dune","position":"1"}},"matchConfidence":1}"#
        let book = try JSONDecoder().decode(Book.self, from: Data(json.utf8))
        XCTAssertEqual(book.source?.userRating, 4.5)
        XCTAssertEqual(book.source?.series?.position, "1")
        XCTAssertEqual(book.source?.shelves, ["sf"])
    }

    func testATimeIsReadByTheServersClock() throws {
        let asked = { (headers: [String: String]) in
            HTTPURLResponse(url: URL(string: "https://host")!, statusCode: 503, httpVersion: nil, headerFields: headers)?.retryAfter
        }
        XCTAssertEqual(asked(["Retry-After": " 7 "]), .seconds(7))
        let (now, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:07 GMT")
        XCTAssertEqual(asked(["Date": now, "Retry-After": later]), .seconds(30))
        XCTAssertEqual(asked(["Date": later, "Retry-After": now]), .zero)
        XCTAssertEqual(asked(["Retry-After": now]), .zero)
        for text in ["", "-5", "soon", "1.5", "99999999999"] { XCTAssertNil(asked(["Retry-After": text]), text) }
        XCTAssertNil(asked([:]))
    }

    func testARedirectionStaysWithTheServer() throws {
        let asked = URL(string: "https://books.example.org/a")!
        XCTAssertTrue(asked.mayLead(to: URL(string: "https://books.example.org/b")))
        XCTAssertTrue(asked.mayLead(to: URL(string: "https://Books.example.org:443/b")))
        for other in ["http://books.example.org/a", "https://books.example.org:8443/a", "https://books.example.com/a", "b"] {
            XCTAssertFalse(asked.mayLead(to: URL(string: other)), other)
        }
    }

    func testABackgroundUploadIsARequestOfItsOwn() throws {
        let client = BookstrackClient(baseURL: URL(string: "https://books.example.org/")!)
        let request = try client.backgroundUpload(of: .csv, key: "k")
        XCTAssertEqual(request.url?.absoluteString, "https://books.example.org/api/v2/imports")
        XCTAssertEqual(request.value(forHTTPHeaderField: "Idempotency-Key"), "k")
        XCTAssertEqual(request.value(forHTTPHeaderField: "Content-Type"), "text/csv")
        let head = HTTPURLResponse(url: request.url!, statusCode: 202, httpVersion: nil, headerFields: nil)
        let accepted = Data(#"{"success":true,"data":{"jobId":"a","authToken":"t"}}"#.utf8)
        XCTAssertEqual(try Job(answer: accepted, response: head, from: client), Job(id: "a", token: "t"))
        let other = HTTPURLResponse(url: URL(string: "https://books.example.com/api/v2/imports")!, statusCode: 202, httpVersion: nil, headerFields: nil)
        XCTAssertThrowsError(try Job(answer: accepted, response: other, from: client)) {
            XCTAssertEqual($0 as? BookstrackError, .unexpected("it redirects to https://books.example.com/api/v2/imports"))
        }
        XCTAssertThrowsError(try Job(answer: Data(), response: nil, from: client))
        let refusal = HTTPURLResponse(url: request.url!, statusCode: 413, httpVersion: nil, headerFields: nil)
        XCTAssertThrowsError(try Job(answer: Data(#"{"success":false,"error":{"code":"FILE_TOO_LARGE","message":"8 MB"}}"#.utf8), response: refusal, from: client)) {
            XCTAssertEqual($0 as? BookstrackError, .refused(Refusal(status: 413, code: "FILE_TOO_LARGE", message: "8 MB", retryable: false, retryAfter: nil)))
        }
    }

    func testABackgroundUploadHasItsParameters() throws {
        let client = BookstrackClient(baseURL: URL(string: "https://books.example.org")!)
        let mapped = try client.backgroundUpload(of: .csv(mapping: ["Título": "title"]), key: "k", clientRef: "phone 7 & é")
        XCTAssertEqual(mapped.url?.query, "clientRef=phone%207%20%26%20%C3%A9")
        XCTAssertEqual(mapped.value(forHTTPHeaderField: "X-Import-Mapping"), #"{"T\u00edtulo":"title"}"#)
        let photo = try client.backgroundUpload(of: .photo(mediaType: "image/heic", keepFailed: true), key: "k")
        XCTAssertEqual(photo.url?.absoluteString, "https://books.example.org/api/batch-scan?keepFailedPhotos=true")
        XCTAssertEqual(photo.value(forHTTPHeaderField: "Content-Type"), "image/heic")
        XCTAssertNil(photo.value(forHTTPHeaderField: "X-Import-Mapping"))
    }

    func testAnAddressIsASchemeAHostAndAPort() throws {
        for address in ["HTTP://Books.example.org", "https://books.example.org/", "http://[::1]:3000", "http://127.0.0.1:3000/"] {
            XCTAssertNoThrow(try BookstrackClient(baseURL: URL(string: address)!).backgroundUpload(of: .csv, key: "k"), address)
        }
        for address in ["books.example.org", "ftp://host", "http://host/books", "http://user@host", "http://host?x", "http://host#x", "http:///"] {
            XCTAssertThrowsError(try BookstrackClient(baseURL: URL(string: address)!).backgroundUpload(of: .csv, key: "k"), address) {
                XCTAssertTrue("\($0)".contains("no server address"), "\($0)")
            }
        }
    }

    func testAJobIsStoredAndReadBack() throws {
        let job = Job(id: "a", token: "t", lastEventID: "18.5")
        XCTAssertEqual(try JSONDecoder().decode(Job.self, from: JSONEncoder().encode(job)), job)
    }
}
