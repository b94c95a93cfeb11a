import Foundation

/// What can go wrong between this client and a server.
public enum BookstrackError: Error, Sendable, Equatable {
    /// The server refused, and said why.
    case refused(Refusal)
    /// No such job, or its results have expired.
    case gone(Refusal)
    /// No connection, or it broke before an answer came, or none came in time.
    /// `retryAfter`: what a gateway asked for in the server's place.
    case unreachable(String, retryAfter: Duration? = nil)
    /// An answer that this API does not give: a wrong address, or a proxy's own page.
    case unexpected(String)

    /// Whether time may heal it: the server is away, busy or restarting.
    public var isTransient: Bool {
        switch self {
        case .unreachable: true
        case .refused(let refusal): refusal.retryable || refusal.status >= 500 || refusal.status == 429
        case .gone, .unexpected: false
        }
    }

    /// An address that leads elsewhere.
    static func redirected(to address: String) -> Self { .unexpected("it redirects to \(address)") }

    /// How long the server asked to be left alone.
    public var retryAfter: Duration? {
        switch self {
        case .refused(let refusal), .gone(let refusal): refusal.retryAfter
        case .unreachable(_, let retryAfter): retryAfter
        case .unexpected: nil
        }
    }
}

/// What a server says when it refuses a request.
public struct Refusal: Sendable, Equatable {
    /// HTTP status of the answer.
    public var status: Int
    /// Stable and machine-readable: `RATE_LIMIT_EXCEEDED`, for example.
    public var code: String
    /// For people.
    public var message: String
    /// Whether the same request may succeed later.
    public var retryable: Bool
    /// What `Retry-After` said.
    public var retryAfter: Duration?
}

extension BookstrackError: LocalizedError {
    /// What happened, for people.
    public var errorDescription: String? {
        switch self {
        case .refused(let refusal), .gone(let refusal): refusal.message
        case .unreachable(let reason, _): "Cannot reach the server: \(reason)"
        case .unexpected(let what): "This does not answer like a bookstrack server: \(what)"
        }
    }
}
