import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// A piece of an answer.
enum Piece: Sendable {
    case head(HTTPURLResponse)
    case data(Data)
}

/// Nothing came in time.
struct TimedOut: Error {}

/// One request and its answer, piece by piece. Ends with its owner, or with the task that waits for it.
///
/// Works with delegates and not with `URLSession.bytes(for:)`, which Linux has not.
final class Connection: @unchecked Sendable {
    private let task: URLSessionTask
    private let lock = NSLock()
    private let timer: any DispatchSourceTimer
    private let limit: Duration
    private let idle: Duration
    private let onProgress: (@Sendable (UploadProgress) -> Void)?
    private var pieces: ArraySlice<Piece> = []
    private var end: Result<Void, any Error>?
    private var waiting: CheckedContinuation<Piece?, any Error>?

    /// `limit`: for the head, and for the first byte after it; `idle`: for any other byte.
    init(_ task: URLSessionTask, limit: Duration, idle: Duration, onProgress: (@Sendable (UploadProgress) -> Void)?) {
        self.task = task
        self.limit = limit
        self.idle = idle
        self.onProgress = onProgress
        timer = DispatchSource.makeTimerSource()
        timer.setEventHandler { [weak self] in self?.finish(.failure(TimedOut())) }
        arm(limit)
        timer.activate()
    }

    deinit {
        timer.cancel()
        task.cancel()
    }

    /// The next piece; `nil` at the answer's proper end.
    func next() async throws -> Piece? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result: Result<Piece?, any Error>? = lock.withLock {
                    if let piece = pieces.popFirst() { return .success(piece) }
                    if let end { return end.map { nil } }
                    waiting = continuation
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            finish(.failure(CancellationError()))
        }
    }

    /// Ends it, unless it has ended.
    ///
    /// Continuations are resumed without the lock: a task that is cancelled holds one of its own, which resuming takes,
    /// while it calls this.
    func finish(_ result: Result<Void, any Error>) {
        let continuation = lock.withLock {
            if end != nil { return nil as CheckedContinuation<Piece?, any Error>? }
            end = result
            defer { waiting = nil }
            return waiting
        }
        continuation?.resume(with: result.map { nil })
        timer.cancel()
        task.cancel()
    }

    func take(_ piece: Piece) {
        switch piece {
        case .head: arm(limit)
        case .data: arm(idle)
        }
        let continuation = lock.withLock {
            defer { waiting = nil }
            // Whatever comes: a task that is suspended loses some of it on Linux.
            if waiting == nil { pieces.append(piece) }
            return waiting
        }
        continuation?.resume(returning: piece)
    }

    fileprivate func sent(_ progress: UploadProgress) {
        arm(limit)
        onProgress?(progress)
    }

    private func arm(_ duration: Duration) {
        timer.schedule(deadline: .now() + duration.timeInterval)
    }
}

/// Bytes of an upload.
public struct UploadProgress: Sendable, Hashable {
    /// Bytes that have left so far.
    public var sent: Int64
    /// Bytes in all.
    public var total: Int64
}

/// Hands what a session says of its tasks to their connections.
final class Hub: NSObject, URLSessionDataDelegate, @unchecked Sendable {
    private struct Entry {
        weak var connection: Connection?
    }

    private let lock = NSLock()
    private var entries: [Int: Entry] = [:]

    func open(_ task: URLSessionTask, limit: Duration, idle: Duration, onProgress: (@Sendable (UploadProgress) -> Void)?) -> Connection {
        let connection = Connection(task, limit: limit, idle: idle, onProgress: onProgress)
        lock.withLock { entries[task.taskIdentifier] = Entry(connection: connection) }
        task.resume()
        return connection
    }

    private func connection(_ task: URLSessionTask) -> Connection? {
        lock.withLock { entries[task.taskIdentifier]?.connection }
    }

    func urlSession(
        _: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
    ) {
        // Linux hands out what only announces the answer (102, 103), too.
        if let response = response as? HTTPURLResponse, response.statusCode >= 200 { connection(dataTask)?.take(.head(response)) }
        completionHandler(.allow)
    }

    /// The answer is the redirection itself: see ``HTTP/open(_:body:limit:idle:onProgress:)``.
    func urlSession(
        _: URLSession, task _: URLSessionTask, willPerformHTTPRedirection _: HTTPURLResponse, newRequest _: URLRequest,
        completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        completionHandler(nil)
    }

    func urlSession(_: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        connection(dataTask)?.take(.data(data))
    }

    func urlSession(_: URLSession, task: URLSessionTask, didSendBodyData _: Int64, totalBytesSent: Int64, totalBytesExpectedToSend: Int64) {
        connection(task)?.sent(UploadProgress(sent: totalBytesSent, total: totalBytesExpectedToSend))
    }

    func urlSession(_: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        let entry = lock.withLock { entries.removeValue(forKey: task.taskIdentifier) }
        entry?.connection?.finish(error.map { .failure($0) } ?? .success(()))
    }
}

extension URL {
    /// Whether a redirection stays with the server that was asked: another port is another server.
    func mayLead(to other: URL?) -> Bool {
        guard let other else { return false }
        return origin == other.origin
    }

    private var origin: [String?] {
        let scheme = scheme?.lowercased()
        return [scheme, host?.lowercased(), String(port ?? (scheme == "https" ? 443 : 80))]
    }
}

extension Duration {
    var timeInterval: TimeInterval {
        TimeInterval(components.seconds) + TimeInterval(components.attoseconds) / 1e18
    }
}
