import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// A successful answer in the envelope; no data after 304.
struct Answer<T: Sendable>: Sendable {
    var data: T?
    var metadata: AnswerMetadata?
    var etag: String?
    var retryAfter: Duration?
}

struct AnswerMetadata: Decodable, Sendable {
    var total: Int?
    var nextOffset: Int?
}

/// What a request carries.
struct Body: Sendable {
    var bytes: Data
    var type: String
}

/// Requests to one server: connections, time limits, the envelope.
final class HTTP: Sendable {
    static let eventStream = "text/event-stream"
    /// Of one request.
    private static let maxRedirections = 5
    /// Results of 10,000 books with descriptions have about 20 MB.
    private static let maxAnswer = 128 << 20

    let base: String
    private let isAddress: Bool
    private let timing: Timing
    private let session: URLSession
    private let hub = Hub()
    private let answered = Locked(false)

    /// With the session's configuration and a delegate of its own: delegates of single tasks are not called on Linux.
    init(baseURL: URL, session: URLSession, timing: Timing) {
        base = baseURL.absoluteString.hasSuffix("/") ? String(baseURL.absoluteString.dropLast()) : baseURL.absoluteString
        self.timing = timing
        isAddress =
            ["http", "https"].contains(baseURL.scheme?.lowercased()) && baseURL.host?.isEmpty == false && ["", "/"].contains(baseURL.path)
            && baseURL.query == nil && baseURL.fragment == nil && baseURL.user == nil
        let configuration = session.configuration
        precondition(configuration.identifier == nil, "a background session cannot hand out what it receives: see backgroundUpload(of:key:clientRef:)")
        configuration.requestCachePolicy = .reloadIgnoringLocalCacheData
        configuration.urlCache = nil
        // Each followed job holds one, and requests need some beside them.
        configuration.httpMaximumConnectionsPerHost = max(configuration.httpMaximumConnectionsPerHost, 32)
        self.session = URLSession(configuration: configuration, delegate: hub, delegateQueue: nil)
    }

    deinit {
        session.finishTasksAndInvalidate()
    }

    /// Whether this server has ever answered.
    var reached: Bool { answered.value }

    func request(_ method: String, _ path: String, headers: [String: String] = [:]) throws(BookstrackError) -> URLRequest {
        guard isAddress, let url = URL(string: base + path) else {
            throw .unreachable("\(base) is no server address: it has the form http://host:port or https://host")
        }
        var request = URLRequest(url: url)
        request.httpMethod = method
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        return request
    }

    /// Sends, and returns as soon as the answer's head is there. Redirections are followed here and not by the session,
    /// which takes tokens off and makes other requests of uploads: within the origin, and only those that leave the method
    /// as it is.
    func open(
        _ request: URLRequest, body: Body? = nil, limit: Duration, idle: Duration, onProgress: (@Sendable (UploadProgress) -> Void)? = nil
    ) async throws -> (head: HTTPURLResponse, connection: Connection) {
        var request = request
        for _ in 0...Self.maxRedirections {
            let opened = try await exchange(request, body, limit, idle, onProgress)
            let status = opened.head.statusCode
            guard (300..<400).contains(status), status != 304, let asked = request.url,
                let location = opened.head.value(forHTTPHeaderField: "Location")
            else { return opened }
            let url = URL(string: location, relativeTo: asked)?.absoluteURL
            let follows = [307, 308].contains(status) || ([301, 302].contains(status) && request.httpMethod == "GET")
            guard follows, asked.mayLead(to: url) else { throw BookstrackError.redirected(to: url?.absoluteString ?? location) }
            request.url = url
        }
        throw BookstrackError.unreachable("it redirects in circles")
    }

    private func exchange(
        _ request: URLRequest, _ body: Body?, _ limit: Duration, _ idle: Duration, _ onProgress: (@Sendable (UploadProgress) -> Void)?
    ) async throws -> (head: HTTPURLResponse, connection: Connection) {
        try Task.checkCancellation()
        var request = request
        let task: URLSessionTask
        if let body {
            request.setValue(body.type, forHTTPHeaderField: "Content-Type")
            task = session.uploadTask(with: request, from: body.bytes)
        } else {
            task = session.dataTask(with: request)
        }
        let connection = hub.open(task, limit: limit, idle: idle, onProgress: onProgress)
        guard case .head(let head)? = try await connection.next() else {
            throw BookstrackError.unreachable("the connection ended without an answer")
        }
        answered.value = true
        return (head, connection)
    }

    /// Sends, and reads an answer in the envelope.
    func call<T: Decodable & Sendable>(
        _ request: URLRequest, as _: T.Type = T.self, body: Body? = nil, onProgress: (@Sendable (UploadProgress) -> Void)? = nil
    ) async throws -> Answer<T> {
        var request = request
        request.setValue("application/json", forHTTPHeaderField: "Accept")
        return try await translating {
            let (head, connection) = try await open(request, body: body, limit: timing.request, idle: timing.request, onProgress: onProgress)
            return try await read(head, connection)
        }
    }

    /// Sends, and reads an answer that is not in the envelope.
    func data(_ request: URLRequest) async throws -> Data {
        try await translating {
            let (head, connection) = try await open(request, limit: timing.request, idle: timing.request)
            let bytes = try await collect(connection)
            if (200..<300).contains(head.statusCode) { return bytes }
            let _: Answer<Snapshot> = try Self.answer(head, bytes)
            throw BookstrackError.unexpected("status \(head.statusCode)")
        }
    }

    /// The `data` of an answer to a request without conditions.
    func ask<T: Decodable & Sendable>(_ request: URLRequest, as type: T.Type = T.self, body: Body? = nil) async throws -> T {
        guard let data = try await call(request, as: type, body: body).data else { throw BookstrackError.unexpected("304 without a condition") }
        return data
    }

    /// Reads an answer in the envelope, or throws what it says.
    func read<T: Decodable & Sendable>(_ head: HTTPURLResponse, _ connection: Connection) async throws -> Answer<T> {
        try Self.answer(head, await collect(connection))
    }

    private func collect(_ connection: Connection) async throws -> Data {
        var bytes = Data()
        while case .data(let more)? = try await connection.next() {
            bytes += more
            if bytes.count > Self.maxAnswer { throw BookstrackError.unexpected("an endless answer") }
        }
        return bytes
    }

    static func answer<T: Decodable & Sendable>(_ head: HTTPURLResponse, _ bytes: Data) throws(BookstrackError) -> Answer<T> {
        let retryAfter = head.retryAfter
        let etag = head.value(forHTTPHeaderField: "ETag")
        switch head.statusCode {
        case 304:
            return Answer(etag: etag, retryAfter: retryAfter)
        case 200..<300:
            do {
                let success = try JSONDecoder().decode(Success<T>.self, from: bytes)
                return Answer(data: success.data, metadata: success.metadata, etag: etag, retryAfter: retryAfter)
            } catch {
                if head.isJSON, (try? JSONSerialization.jsonObject(with: bytes, options: .fragmentsAllowed)) == nil {
                    throw .unreachable("the answer broke off")
                }
                throw .unexpected("an answer of another form: \(error)")
            }
        default:
            throw refusal(head.statusCode, head.isEventStream ? data(ofEvent: bytes) : bytes, retryAfter)
        }
    }

    private static func refusal(_ status: Int, _ bytes: Data, _ retryAfter: Duration?) -> BookstrackError {
        if let error = try? JSONDecoder().decode(Failure.self, from: bytes).error {
            let refusal = Refusal(
                status: status, code: error.code, message: error.message ?? "The server answered \(status).", retryable: error.retryable ?? false,
                retryAfter: retryAfter)
            return status == 404 || status == 410 ? .gone(refusal) : .refused(refusal)
        }
        // Not ours, but gateways speak so while the server behind them restarts.
        if status >= 500 || [408, 425, 429].contains(status) { return .unreachable("a gateway answers \(status)", retryAfter: retryAfter) }
        return .unexpected("status \(status) without an error of this API")
    }

    /// A request for a stream may be refused with one event, whose data has the error.
    private static func data(ofEvent bytes: Data) -> Data {
        var parser = EventStreamParser()
        let frames = try? parser.push(bytes + Data("\n\n".utf8))
        return Data((frames?.first?.data ?? "").utf8)
    }

    private struct Success<T: Decodable>: Decodable {
        var data: T
        var metadata: AnswerMetadata?
    }

    private struct Failure: Decodable {
        struct Error: Decodable {
            var code: String
            var message: String?
            var retryable: Bool?
        }
        var error: Error
    }
}

/// What the network stack throws, as an error of this package. Cancellation stays what it is.
func translating<T: Sendable>(isolation _: isolated (any Actor)? = #isolation, _ work: () async throws -> T) async throws -> T {
    do {
        return try await work()
    } catch let error as BookstrackError {
        throw error
    } catch is CancellationError {
        throw CancellationError()
    } catch is TimedOut {
        throw BookstrackError.unreachable("no answer in time")
    } catch {
        throw BookstrackError.unreachable(error.localizedDescription)
    }
}

extension HTTPURLResponse {
    /// `Retry-After`: seconds, or a time by the server's clock.
    var retryAfter: Duration? {
        guard let text = value(forHTTPHeaderField: "Retry-After")?.trimmingCharacters(in: .whitespaces) else { return nil }
        if let seconds = UInt32(text) { return .seconds(seconds) }
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(secondsFromGMT: 0)
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        guard let at = format.date(from: text) else { return nil }
        let now = value(forHTTPHeaderField: "Date").flatMap(format.date(from:)) ?? Date()
        return .seconds(max(0, min(at.timeIntervalSince(now), 1e9)))
    }

    var isEventStream: Bool { mediaType == HTTP.eventStream }

    var isJSON: Bool { mediaType == "application/json" }

    private var mediaType: String? {
        let type = value(forHTTPHeaderField: "Content-Type") ?? ""
        return type.split(separator: ";").first?.trimmingCharacters(in: .whitespaces).lowercased()
    }
}

/// A value that several threads use.
final class Locked<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var stored: Value

    init(_ value: Value) { stored = value }

    var value: Value {
        get { lock.withLock { stored } }
        set { lock.withLock { stored = newValue } }
    }
}
