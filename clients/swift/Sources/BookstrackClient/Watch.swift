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
    private var stream: (connection: Connection, parser: EventStreamParser, events: Int)?
    private var updates: ArraySlice<Update> = []
    private var over = false
    private var announced: Transport?
    private var etag: String?
    /// How far the furthest snapshot was.
    private var progress: Double?
    /// A job that a poll has found ended, while the books that no stream has brought are fetched.
    private var conclusion: Snapshot?
    /// How long the server has been away; `nil` before its first sign of life.
    private var outage: Outage?

    init(_ shared: Shared, job: Job, books: Bool) {
        self.shared = shared
        self.job = job
        self.books = books
        strategy = Strategy(mode: shared.mode, timing: shared.timing)
        next = strategy.begin(blocked: shared.streamsBlocked)
        // Fail fast only if there is no reason to believe in this server.
        outage = shared.http.reached || job.lastEventID != nil ? Outage() : nil
    }

    /// The next update; `nil` after the last. Errors are final.
    func update() async throws -> Update? {
        while updates.isEmpty, !over {
            do {
                if stream != nil {
                    try await read()
                } else if let conclusion {
                    try await addMissingBooks(of: conclusion)
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
        return updates.popFirst()
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
        } catch BookstrackError.unexpected(let what) {
            // It redirects to another server.
            return try ended(.refused, .unexpected(what))
        } catch {
            return try ended(.unreachable, .unreachable(error.localizedDescription))
        }
        switch head.statusCode {
        case 200 where head.isEventStream:
            stream = (connection, EventStreamParser(), 0)
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
        guard let connection = stream?.connection, var parser = stream?.parser, var events = stream?.events else { return }
        let frames: [Frame]
        do {
            guard case .data(let bytes)? = try await connection.next() else { return try streamEnded(ending(events, parser), parser, events) }
            frames = try parser.push(bytes)
        } catch is CancellationError {
            throw CancellationError()
        } catch is TimedOut {
            return try streamEnded(events > 0 ? .cut : .silent, parser, events)
        } catch is EventStreamParser.TooLong {
            return try streamEnded(.refused, parser, events)
        } catch {
            return try streamEnded(ending(events, parser), parser, events)
        }
        for frame in frames where !over {
            events += 1
            if !take(frame) { return try streamEnded(.refused, parser, events) }
        }
        stream = over ? nil : (connection, parser, events)
    }

    /// Without an event or a pause it is none of this API, whatever comments it has: those of a proxy.
    private func ending(_ events: Int, _ parser: EventStreamParser) -> StreamEnd {
        events > 0 || parser.retry != nil ? .cut : .useless
    }

    private func streamEnded(_ end: StreamEnd, _ parser: EventStreamParser, _ events: Int) throws {
        stream = nil
        // One that says only when to come back must not be asked without a pause.
        if let retry = parser.retry { strategy.setRetry(events > 0 ? retry : max(retry, shared.timing.retry)) }
        if end == .cut { outage = Outage() }
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
        // What is further than all that was told is news, although a server that lost its store counts from 1 again.
        let further =
            switch event {
            case .book(let index, _): index >= delivered
            case .progress(let snapshot): progress.map { snapshot.progress > $0 } ?? false
            default: false
            }
        let id = EventID(frame.id)
        let known = !last && !further && !frame.id.isEmpty && job.lastEventID.map { !id.isAfter(EventID($0)) } ?? false
        if !frame.id.isEmpty, !known, !books || id.books >= delivered { job.lastEventID = frame.id }
        strategy.succeeded()
        outage = Outage()
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
        outage = Outage()
        // Else the stream is asked once more: nothing has changed yet.
        let polls = step == .poll || strategy.blamesStreams()
        if polls, step == .probe { shared.noteStreamSupport(false) }
        if let snapshot = answer.data {
            etag = answer.etag
            if snapshot.status.isTerminal {
                if books { conclusion = snapshot } else { announce(snapshot) }
                return
            }
            announce(.progress(snapshot), by: polls || announced == nil ? .poll : nil)
        }
        next = strategy.polled(retryAfter: answer.retryAfter, blocked: shared.streamsBlocked)
    }

    /// Polling brings no books: those that no stream has brought are in the results. One page of them, or the end.
    private func addMissingBooks(of end: Snapshot) async throws {
        do {
            let from = delivered
            let page = try await shared.page(job, offset: from, limit: Shared.pageSize)
            for (index, book) in page.results.books.enumerated() {
                let sequence = job.lastEventID.flatMap { EventID($0).sequence } ?? 0
                job.lastEventID = "\(sequence).\(from + index + 1)"
                announce(.book(index: from + index, book), by: .poll)
            }
            if page.next == nil || page.results.books.isEmpty { announce(end) }
        } catch let error as BookstrackError {
            switch error {
            case .refused where end.status != .completed && !error.isTransient, .gone where end.status != .completed:
                // A job that failed has none.
                announce(end)
            case _ where error.isTransient:
                (etag, conclusion) = (nil, nil)
                try lost(error, strategy.pollFailed(jitter: .random(in: 0..<1)))
            default: throw error
            }
        }
    }

    private func announce(_ end: Snapshot) {
        announce(end.status == .completed ? .completed(end) : .failed(end), by: .poll)
    }

    private func announce(_ event: Update.Event, by transport: Transport?) {
        if case .progress(let snapshot) = event {
            // Another transport may have been quicker: progress never goes back.
            if let progress, snapshot.progress < progress { return }
            progress = snapshot.progress
        }
        if let transport, announced != transport {
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
        if outage == nil, !shared.http.reached { throw error }
        var outage = outage ?? Outage()
        let away = outage.failed(pause: pause, limit: shared.timing.request)
        self.outage = outage
        if away > shared.timing.longestOutage { throw error }
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
