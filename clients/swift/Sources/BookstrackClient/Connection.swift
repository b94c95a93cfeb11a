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
    private var pieces: [Piece] = []
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
                lock.withLock {
                    if !pieces.isEmpty {
                        continuation.resume(returning: pieces.removeFirst())
                    } else if let end {
                        continuation.resume(with: end.map { nil })
                    } else {
                        waiting = continuation
                    }
                }
            }
        } onCancel: {
            finish(.failure(CancellationError()))
        }
    }

    /// Ends it, unless it has ended.
    func finish(_ result: Result<Void, any Error>) {
        lock.withLock {
            if end != nil { return }
            end = result
            waiting?.resume(with: result.map { nil })
            waiting = nil
        }
        timer.cancel()
        task.cancel()
    }

    fileprivate func take(_ piece: Piece) {
        switch piece {
        case .head: arm(limit)
        case .data: arm(idle)
        }
        lock.withLock {
            if let continuation = waiting {
                waiting = nil
                return continuation.resume(returning: piece)
            }
            // Whatever comes: a task that is suspended loses some of it on Linux.
            pieces.append(piece)
        }
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
    public var sent: Int64
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
        if let response = response as? HTTPURLResponse { connection(dataTask)?.take(.head(response)) }
        completionHandler(.allow)
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

extension Duration {
    var timeInterval: TimeInterval {
        TimeInterval(components.seconds) + TimeInterval(components.attoseconds) / 1e18
    }
}
