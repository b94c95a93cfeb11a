import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// One job's progress, over whatever transport works. One consumer asks for one update after another.
actor Watch {
    private let shared: Shared
    private let books: Bool
    private var job: Job
    private var strategy: Strategy
    private var next: Strategy.Next
    private var stream: (connection: Connection, parser: EventStreamParser, begun: Bool, events: Int)?
    private var updates: [Update] = []
    private var over = false
    private var announced: Transport?
    private var etag: String?
    /// How far the furthest snapshot was.
    private var progress = 0.0
    /// When the server last gave a sign of life.
    private var contact: ContinuousClock.Instant?

    init(_ shared: Shared, job: Job, books: Bool) {
        self.shared = shared
        self.job = job
        self.books = books
        strategy = Strategy(mode: shared.mode, timing: shared.timing)
        next = strategy.begin(blocked: shared.streamsBlocked)
        // Fail fast only if there is no reason to believe in this server.
        contact = shared.http.reached || job.lastEventID != nil ? .now : nil
    }

    /// The next update; `nil` after the last. Errors are final.
    func update() async throws -> Update? {
        while updates.isEmpty, !over {
            do {
                if stream != nil {
                    try await read()
                } else {
                    if next.pause > .zero { try await Task.sleep(for: next.pause) }
                    switch next.step {
                    case .stream: try await connect()
                    case .probe, .poll: try await poll(next.step)
                    }
                }
            } catch {
                over = true
                stream = nil
                throw error
            }
        }
        return updates.isEmpty ? nil : updates.removeFirst()
    }

    private var path: String { "/api/v2/imports/\(job.id.escaped)" }

    private func connect() async throws {
        var headers = ["Accept": HTTP.eventStream]
        headers["Last-Event-ID"] = job.lastEventID
        let request = try shared.http.request("GET", path + "/stream" + (books ? "?books=1" : ""), headers: headers)
        let (head, connection): (HTTPURLResponse, Connection)
        do {
            (head, connection) = try await shared.http.open(request, limit: shared.timing.firstByte, idle: shared.timing.idle)
        } catch is TimedOut {
            return try ended(.silent, .unreachable("no answer in time"))
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            return try ended(.unreachable, .unreachable(error.localizedDescription))
        }
        switch head.statusCode {
        case 200 where head.isEventStream:
            stream = (connection, EventStreamParser(), false, 0)
        case 204:
            // "You have it all": the status says it once more.
            next = (.zero, .poll)
        case 200..<300:
            try ended(.refused)
        default:
            do {
                let http = shared.http
                let _: Answer<Snapshot> = try await translating { try await http.read(head, connection) }
                try ended(.refused)
            } catch let error as BookstrackError {
                switch error {
                case .refused where !error.isTransient, .gone: throw error
                default: try ended(error.isTransient ? .useless : .refused, error)
                }
            }
        }
    }

    /// One piece of the open stream.
    private func read() async throws {
        guard let connection = stream?.connection, var parser = stream?.parser, var begun = stream?.begun, var events = stream?.events else { return }
        let frames: [Frame]
        do {
            guard case .data(let bytes)? = try await connection.next() else { return try streamEnded(begun ? .cut : .useless, parser) }
            begun = true
            frames = try parser.push(bytes)
        } catch is CancellationError {
            throw CancellationError()
        } catch is TimedOut {
            return try streamEnded(events > 0 ? .cut : .silent, parser)
        } catch is EventStreamParser.TooLong {
            return try streamEnded(.refused, parser)
        } catch {
            return try streamEnded(begun ? .cut : .useless, parser)
        }
        for frame in frames where !over {
            events += 1
            if !take(frame) { return try streamEnded(.refused, parser) }
        }
        stream = over ? nil : (connection, parser, begun, events)
    }

    private func streamEnded(_ end: StreamEnd, _ parser: EventStreamParser) throws {
        stream = nil
        if let retry = parser.retry { strategy.setRetry(retry) }
        if end == .cut { contact = .now }
        try ended(end)
    }

    /// Whether the event is one of this API.
    private func take(_ frame: Frame) -> Bool {
        let data = Data(frame.data.utf8)
        let (decoder, delivered) = (JSONDecoder(), delivered)
        let event: Update.Event?
        switch frame.event {
        case "initialized", "processing":
            guard let snapshot = try? decoder.decode(Snapshot.self, from: data) else { return false }
            event = .progress(snapshot)
        case "completed", "failed":
            guard let snapshot = try? decoder.decode(Snapshot.self, from: data) else { return false }
            event = frame.event == "completed" ? .completed(snapshot) : .failed(snapshot)
        case "timeout":
            guard let stalled = try? decoder.decode(Stalled.self, from: data) else { return false }
            event = .timeout(stalled.message ?? "")
        case "book":
            guard let book = try? decoder.decode(BookEvent.self, from: data) else { return false }
            event = .book(index: book.index, book.book)
        default:
            event = nil
        }
        let last = event?.isLast ?? false
        let known = !last && !frame.id.isEmpty && job.lastEventID.map { !EventID(frame.id).isAfter(EventID($0)) } ?? false
        if !frame.id.isEmpty, !known { job.lastEventID = frame.id }
        strategy.succeeded()
        contact = .now
        guard let event, !known else { return true }
        shared.noteStreamSupport(true)
        if case .book(let index, _) = event, index < delivered { return true }
        announce(event, by: .sse)
        return true
    }

    /// How many books the job's last event id counts.
    private var delivered: Int { job.lastEventID.map { EventID($0).books } ?? 0 }

    private func poll(_ step: Step) async throws {
        let answer: Answer<Snapshot>
        do {
            let request = try shared.http.request("GET", path, headers: etag.map { ["If-None-Match": $0] } ?? [:])
            answer = try await shared.http.call(request)
        } catch let error as BookstrackError where error.isTransient {
            let jitter = Double.random(in: 0..<1)
            return try lost(error, step == .poll ? strategy.pollFailed(jitter: jitter) : strategy.probeFailed(jitter: jitter))
        }
        contact = .now
        if step == .probe, strategy.blamesStreams() { shared.noteStreamSupport(false) }
        if let snapshot = answer.data {
            etag = answer.etag
            if snapshot.status.isTerminal {
                if books {
                    do {
                        try await addMissingBooks()
                    } catch let error as BookstrackError where error.isTransient {
                        etag = nil
                        return try lost(error, strategy.pollFailed(jitter: .random(in: 0..<1)))
                    }
                }
                return announce(snapshot.status == .completed ? .completed(snapshot) : .failed(snapshot), by: .poll)
            }
            announce(.progress(snapshot), by: .poll)
        }
        next = strategy.polled(retryAfter: answer.retryAfter, blocked: shared.streamsBlocked)
    }

    /// Polling brings no books: those that no stream has brought are in the results.
    private func addMissingBooks() async throws {
        do {
            var offset: Int? = delivered
            while let from = offset {
                let page = try await shared.page(job, offset: from, limit: Shared.pageSize)
                for (index, book) in page.results.books.enumerated() {
                    let sequence = job.lastEventID.flatMap { EventID($0).sequence } ?? 0
                    job.lastEventID = "\(sequence).\(from + index + 1)"
                    announce(.book(index: from + index, book), by: .poll)
                }
                offset = page.next
            }
        } catch let error as BookstrackError where !error.isTransient {
            // A job that failed has none.
        }
    }

    private func announce(_ event: Update.Event, by transport: Transport) {
        if case .progress(let snapshot) = event {
            // Another transport may have been quicker: progress never goes back.
            if snapshot.progress < progress { return }
            progress = snapshot.progress
        }
        if announced != transport {
            announced = transport
            updates.append(Update(event: .using(transport), job: job))
        }
        updates.append(Update(event: event, job: job))
        if event.isLast { over = true }
    }

    /// `error` is what the watch ends with, should nothing help.
    private func ended(_ end: StreamEnd, _ error: BookstrackError? = nil) throws {
        let next = strategy.streamEnded(end, jitter: .random(in: 0..<1))
        if end == .cut || next.step == .probe {
            self.next = next
        } else {
            try lost(error ?? (end == .refused ? .unexpected("its stream is not one of this API") : .unreachable("the stream ended early")), next)
        }
    }

    private func lost(_ error: BookstrackError, _ next: Strategy.Next) throws {
        let pause = max(next.pause, min(error.retryAfter ?? .zero, .seconds(60)))
        if contact == nil, !shared.http.reached { throw error }
        let since = contact ?? .now
        contact = since
        if since.duration(to: .now) + pause > shared.timing.longestOutage { throw error }
        updates.append(Update(event: .lost(reason: error.localizedDescription, pause: pause), job: job))
        self.next = (pause, next.step)
    }
}

private struct Stalled: Decodable {
    var message: String?
}

private struct BookEvent: Decodable {
    var index: Int
    var book: Book
}

/// The number of a job's state, and how many of its books had been told.
private struct EventID {
    var sequence: Int?
    var books: Int

    init(_ id: String) {
        let parts = id.split(separator: ".", maxSplits: 1)
        sequence = parts.first.flatMap { Int($0) }
        books = parts.count == 2 ? Int(parts[1]) ?? 0 : 0
    }

    /// Ids of another kind are taken for later ones.
    func isAfter(_ other: Self) -> Bool {
        guard let sequence, let last = other.sequence else { return true }
        return (sequence, books) > (last, other.books)
    }
}

extension Update.Event {
    /// Whether nothing follows.
    public var isLast: Bool {
        switch self {
        case .completed, .failed, .timeout: true
        case .progress, .book, .using, .lost: false
        }
    }
}

extension String {
    /// As one segment of a path.
    var escaped: String {
        addingPercentEncoding(withAllowedCharacters: .alphanumerics.intersection(CharacterSet(charactersIn: "\0"..."\u{7f}")).union(CharacterSet(charactersIn: "-_"))) ?? self
    }
}
