/// Time limits and pauses.
public struct Timing: Sendable {
    /// For an answer, between any two signs of life of an upload.
    public var request: Duration = .seconds(30)
    /// For the first byte of a stream, which a server sends at once.
    public var firstByte: Duration = .seconds(5)
    /// For any further byte of a stream; a server sends one every 15 s.
    public var idle: Duration = .seconds(40)
    /// Between polls, unless the server says otherwise.
    public var poll: Duration = .seconds(2)
    /// Before a stream is opened again, unless the server says otherwise; doubled while the server is away.
    public var retry: Duration = .seconds(1)
    /// The longest such pause.
    public var maxBackoff: Duration = .seconds(15)
    /// How long a server that had answered may be away before updates end with an error.
    public var longestOutage: Duration = .seconds(300)
    /// How long a ``StreamSupport`` holds.
    public var streamSupport: Duration = .seconds(1800)

    /// What suits people and servers alike.
    public init() {}
}

/// Which transports may be used.
public enum Mode: String, Sendable, Codable {
    /// Streams; polling while streams do not get through.
    case auto
    /// Streams only.
    case sse
    /// Polling only.
    case poll
}
