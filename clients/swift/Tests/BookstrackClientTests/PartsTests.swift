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

    func testStreamsAreGivenUpOnlyWhenTheStatusWorks() {
        var strategy = Strategy(mode: .auto, timing: Timing())
        XCTAssertEqual(strategy.streamEnded(.silent, jitter: 0).step, .probe)
        XCTAssertEqual(strategy.probeFailed(jitter: 0).step, .stream)
        XCTAssertEqual(strategy.streamEnded(.refused, jitter: 0).step, .probe)
        XCTAssertEqual(strategy.polled(retryAfter: .seconds(86_400), blocked: true).pause, .seconds(60))
        XCTAssertEqual(strategy.polled(retryAfter: .zero, blocked: false).pause, .milliseconds(100))
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

    func testABackgroundUploadIsARequestOfItsOwn() throws {
        let client = BookstrackClient(baseURL: URL(string: "https://books.example.org/")!)
        let request = try client.backgroundUpload(of: .csv, key: "k")
        XCTAssertEqual(request.url?.absoluteString, "https://books.example.org/api/v2/imports")
        XCTAssertEqual(request.value(forHTTPHeaderField: "Idempotency-Key"), "k")
        XCTAssertEqual(request.value(forHTTPHeaderField: "Content-Type"), "text/csv")
        let head = HTTPURLResponse(url: request.url!, statusCode: 202, httpVersion: nil, headerFields: nil)
        let job = try Job(answer: Data(#"{"success":true,"data":{"jobId":"a","authToken":"t"}}"#.utf8), response: head)
        XCTAssertEqual(job, Job(id: "a", token: "t"))
        let refusal = HTTPURLResponse(url: request.url!, statusCode: 413, httpVersion: nil, headerFields: nil)
        XCTAssertThrowsError(try Job(answer: Data(#"{"success":false,"error":{"code":"FILE_TOO_LARGE","message":"8 MB"}}"#.utf8), response: refusal)) {
            XCTAssertEqual($0 as? BookstrackError, .refused(Refusal(status: 413, code: "FILE_TOO_LARGE", message: "8 MB", retryable: false, retryAfter: nil)))
        }
    }

    func testAJobIsStoredAndReadBack() throws {
        let job = Job(id: "a", token: "t", lastEventID: "18.5")
        XCTAssertEqual(try JSONDecoder().decode(Job.self, from: JSONEncoder().encode(job)), job)
    }
}
