import BookstrackClient
import Foundation
import XCTest
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// The scenarios that all clients share: see `clients/conformance`. Their server's address is in `CONFORMANCE`.
final class ConformanceTests: XCTestCase {
    private static let csv = Data("Title,Author\nBabel,R. F. Kuang\n".utf8)
    private static let mapping = ["Título": "title"]
    /// More than buffers between here and there take.
    private static let large = 6 << 20
    private static let photos = ["one\r\n", "two\r\n"].map { Data([0xFF, 0xD8]) + Data($0.utf8) }

    struct Scenario: Decodable, Sendable {
        var name: String
        var `do`: String
        var mode: Mode
        var books: Bool
        var pageSize: Int
        var timing: [String: Int]
        var abortWhen: String?
        var host: String?
    }

    struct Run: Decodable {
        struct Job: Decodable {
            var id: String
            var token: String
            var lastEventId: String?
        }
        var id: String
        var baseURL: URL
        var job: Job
    }

    struct Outcome: Encodable {
        struct Failure: Encodable {
            var kind: String
            var status: Int?
            var code: String?
            var retryAfter: Int?
            var message: String?
        }
        var progress: [Int] = []
        var end: String?
        var books: [Int] = []
        var error: Failure?
        var lost = false
        var transports: [String] = []
        var found: Int?
    }

    struct Met: Decodable {}

    struct Verdict: Decodable {
        var problems: [String]
    }

    func testEveryScenario() async throws {
        guard let address = ProcessInfo.processInfo.environment["CONFORMANCE"], !address.isEmpty, let server = URL(string: address) else {
            throw XCTSkip("CONFORMANCE names no server: tests/swift/run.sh starts one")
        }
        var scenarios: [Scenario] = try await ask(server, "GET", "scenarios")
        #if canImport(FoundationNetworking)
        // `URLSession` of Linux takes no such addresses, and ends the program when it meets trailers.
        scenarios.removeAll { ["[::1]", "127.1"].contains($0.host) || $0.name.contains("trailers") }
        #endif
        XCTAssertGreaterThan(scenarios.count, 50)
        try await withThrowingTaskGroup(of: (String, [String]).self) { group in
            for (n, scenario) in scenarios.enumerated() {
                if n >= 6, let (name, problems) = try await group.next() { XCTAssertEqual(problems, [], name) }
                group.addTask { (scenario.name, try await Self.play(scenario, server)) }
            }
            for try await (name, problems) in group { XCTAssertEqual(problems, [], name) }
        }
        print("\(scenarios.count) scenarios")
    }

    private static func play(_ scenario: Scenario, _ server: URL) async throws -> [String] {
        let run: Run = try await ask(server, "POST", "runs", scenario.name)
        var timing = Timing()
        for (name, limit) in scenario.timing {
            let limit = Duration.milliseconds(limit)
            switch name {
            case "request": timing.request = limit
            case "firstByte": timing.firstByte = limit
            case "idle": timing.idle = limit
            case "poll": timing.poll = limit
            case "retry": timing.retry = limit
            case "maxBackoff": timing.maxBackoff = limit
            case "longestOutage": timing.longestOutage = limit
            case "streamSupport": timing.streamSupport = limit
            default: break
            }
        }
        let client = BookstrackClient(baseURL: run.baseURL, mode: scenario.mode, timing: timing)
        let job = Job(id: run.job.id, token: run.job.token, lastEventID: run.job.lastEventId)
        let (begun, begin) = AsyncStream.makeStream(of: Void.self)
        let following = Task {
            defer { begin.finish() }
            return try await Self.outcome(client, scenario, job) { begin.yield() }
        }
        if scenario.do == "abort" {
            for await _ in begun.prefix(1) {
                try await Task.sleep(for: .milliseconds(20))
                following.cancel()
            }
        }
        if let count = scenario.abortWhen?.split(separator: " ") {
            let _: Met = try await ask(server, "GET", "runs", run.id, "met", String(count[0]), String(count[1]))
            following.cancel()
        }
        let outcome = try await following.value
        let body = try JSONEncoder().encode(outcome)
        let verdict: Verdict = try await ask(server, "POST", "runs", run.id, "outcome", body: body)
        return verdict.problems.isEmpty ? [] : verdict.problems + [String(decoding: body, as: UTF8.self)]
    }

    private static func outcome(_ client: BookstrackClient, _ scenario: Scenario, _ job: Job, begun: @Sendable () -> Void) async throws -> Outcome {
        var outcome = Outcome()
        do {
            switch scenario.do {
            case "cancel": outcome.end = try await client.cancel(job).status.rawValue
            case "status": outcome.progress = [try await client.status(of: job).processedCount]
            case "results", "whole results":
                let whole = scenario.do == "whole results"
                let results = try await whole ? client.results(of: job) : client.results(of: job, pageSize: scenario.pageSize)
                outcome.books = results.books.map { Int($0.title.split(separator: " ")[1])! }
                outcome.found = results.enrichmentSucceeded
            case "preview":
                let preview = try await client.preview(csv: csv, mapping: mapping)
                outcome.books = preview.books.map { Int($0.title.split(separator: " ")[1])! }
            case "search":
                let found = try await client.search("Book & café, 100 %", page: 2)
                outcome.books = found.results.map { Int($0.title.split(separator: " ")[1])! }
            case "look up": outcome.books = [Int(try await client.lookUp(isbn: "9780439708180").title.split(separator: " ")[1])!]
            case "capabilities": outcome.books = Array(0..<Int(try await client.capabilities().limits["maxPhotos"] ?? 0))
            case "choose": outcome.books = [Int(try await client.choose(.candidate(1), for: 0, of: job).title.split(separator: " ")[1])!]
            case "rows": outcome.books = try await client.rows(of: job, only: [.notFound, .warnings]).rows.compactMap(\.index)
            case "rows csv":
                let table = String(decoding: try await client.rowsCSV(of: job, only: [.notFound, .warnings]), as: UTF8.self)
                outcome.books = table.components(separatedBy: "Book ").dropFirst().map { Int($0.prefix(1))! }
            case "retry":
                let retried = try await client.retry(job, only: [.notFound])
                outcome.books = retried.photosToSend
                try await follow(retried.job, client, scenario, &outcome, begun)
            case "submit named books":
                let books = [BookQuery(title: "Babel", author: "R. F. Kuang")]
                try await follow(client.submit(books: books, key: "mine", clientRef: "phone 7 & é"), client, scenario, &outcome, begun)
            case "submit mapped csv": try await follow(client.submit(csv: csv, mapping: mapping), client, scenario, &outcome, begun)
            case "submit large csv": try await follow(client.submit(csv: Data(repeating: 120, count: large)), client, scenario, &outcome, begun)
            case "submit in the background":
                let upload = UploadKind.csv(mapping: mapping)
                let request = try client.backgroundUpload(of: upload, key: "mine", clientRef: "phone 7 & é")
                try await follow(Self.submit(csv, request, client), client, scenario, &outcome, begun)
            case "submit a photo in the background":
                let upload = UploadKind.photo(mediaType: "image/jpeg", keepFailed: true)
                let request = try client.backgroundUpload(of: upload, key: "mine")
                try await follow(Self.submit(photos[0], request, client), client, scenario, &outcome, begun)
            case "submit csv": try await follow(client.submit(csv: csv), client, scenario, &outcome, begun)
            case "submit photos": try await follow(client.submit(photos: photos, keepFailedPhotos: true), client, scenario, &outcome, begun)
            case "submit books": try await follow(client.submit(books: [BookQuery(isbn: "9780439708180")]), client, scenario, &outcome, begun)
            default: try await follow(job, client, scenario, &outcome, begun)
            }
        } catch is CancellationError {
            return outcome
        } catch let error as BookstrackError {
            outcome.error =
                switch error {
                case .refused(let refusal): Outcome.Failure(kind: "refused", refusal)
                case .gone(let refusal): Outcome.Failure(kind: "gone", refusal)
                case .unreachable: Outcome.Failure(kind: "unreachable")
                case .unexpected: Outcome.Failure(kind: "protocol")
                }
            outcome.error?.message = error.localizedDescription
        }
        return outcome
    }

    /// As a background session does, which Linux has not: from a file, and following every redirection.
    private static func submit(_ content: Data, _ request: URLRequest, _ client: BookstrackClient) async throws -> Job {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try content.write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let (answer, response) = try await URLSession.shared.upload(for: request, fromFile: file)
        return try Job(answer: answer, response: response, from: client)
    }

    private static func follow(_ job: Job, _ client: BookstrackClient, _ scenario: Scenario, _ outcome: inout Outcome, _ begun: () -> Void) async throws {
        for try await update in job.updates(books: scenario.books, from: client) {
            switch update.event {
            case .progress(let snapshot):
                outcome.progress.append(snapshot.processedCount)
                if scenario.do == "leave" { return }
                begun()
            case .completed(let snapshot), .failed(let snapshot):
                outcome.progress.append(snapshot.processedCount)
                outcome.end = snapshot.status.rawValue
            case .timeout: outcome.end = "timeout"
            case .book(let index, _): outcome.books.append(index)
            case .using(let transport): outcome.transports.append(transport.rawValue)
            case .lost: outcome.lost = true
            }
        }
    }
}

extension ConformanceTests.Outcome.Failure {
    init(kind: String, _ refusal: Refusal) {
        self.init(kind: kind, status: refusal.status, code: refusal.code, retryAfter: refusal.retryAfter.map { Int($0.components.seconds) * 1000 })
    }
}

private func ask<T: Decodable>(_ server: URL, _ method: String, _ path: String..., body: Data? = nil) async throws -> T {
    var request = URLRequest(url: path.reduce(server) { $0.appendingPathComponent($1) })
    request.httpMethod = method
    request.httpBody = body
    let (data, _) = try await URLSession.shared.data(for: request)
    return try JSONDecoder().decode(T.self, from: data)
}

private func ask<T: Decodable>(_ server: URL, _ method: String, _ path: String) async throws -> T {
    try await ask(server, method, path, body: nil)
}
