/// How an attempt to stream ended before the job did.
enum StreamEnd {
    /// It said something, and then ended or broke.
    case cut
    /// It ended before it said anything, or the server said that it is busy.
    case useless
    /// Nothing, or nothing more, came in time.
    case silent
    /// Something else than a stream of this API.
    case refused
    /// No connection.
    case unreachable
}

/// What to do after a pause.
enum Step {
    case stream
    /// Ask for the status, to learn whether only streams are in trouble.
    case probe
    case poll
}

/// Which transport next, and when: knows no clock, no network and no chance. The Rust client (`crates/client`) and the
/// TypeScript client have the same.
struct Strategy {
    typealias Next = (pause: Duration, step: Step)

    /// Fruitless attempts in a row after which it is asked whether streams get through at all.
    private static let doubt = 3

    private let mode: Mode
    private let timing: Timing
    /// What the last stream asked for.
    private var retry: Duration?
    private var failures = 0
    /// Whether of the last stream nothing came, no connection or no byte.
    private var mute = false
    /// Whether the status was answered although nothing came of streams.
    private var answered = false

    init(mode: Mode, timing: Timing) {
        self.mode = mode
        self.timing = timing
    }

    /// How to begin; `blocked`: streams are known not to get through.
    func begin(blocked: Bool) -> Next {
        (.zero, mode == .poll || (mode == .auto && blocked) ? .poll : .stream)
    }

    /// The stream named the time after which to come back.
    mutating func setRetry(_ retry: Duration) {
        self.retry = min(max(retry, .milliseconds(100)), timing.maxBackoff)
    }

    /// An event, or a status, has come.
    mutating func succeeded() {
        failures = 0
        answered = false
    }

    /// After a stream. `jitter` is uniform in 0..<1: clients that lost one server do not come back as one.
    mutating func streamEnded(_ end: StreamEnd, jitter: Double) -> Next {
        if end == .cut {
            succeeded()
            return (Self.spread(retry ?? timing.retry, jitter), .stream)
        }
        failures += 1
        mute = end == .unreachable || end == .silent
        let doubtful =
            switch end {
            case .silent, .refused: true
            case .useless: failures >= Self.doubt
            case .unreachable: answered || failures >= Self.doubt
            case .cut: false
            }
        return mode == .auto && doubtful ? (.zero, .probe) : (backoff(jitter), .stream)
    }

    /// Whether a probe that was answered says that streams do not get through. Where nothing came of them it takes
    /// two: the network may have come back between stream and probe.
    mutating func blamesStreams() -> Bool {
        defer { answered = mute }
        return answered || !mute
    }

    /// After a probe that failed too: it is the server, not its streams.
    func probeFailed(jitter: Double) -> Next {
        (backoff(jitter), .stream)
    }

    /// After a poll, or a probe, that was answered; `blocked`: streams are still held to be in trouble.
    mutating func polled(retryAfter: Duration?, blocked: Bool) -> Next {
        failures = 0
        let pause = min(max(retryAfter ?? timing.poll, .milliseconds(100)), .seconds(60))
        return (pause, mode == .poll || (mode == .auto && blocked) ? .poll : .stream)
    }

    /// After a poll that failed.
    mutating func pollFailed(jitter: Double) -> Next {
        failures += 1
        return (backoff(jitter), .poll)
    }

    private func backoff(_ jitter: Double) -> Duration {
        let doublings = min(max(failures - 1, 0), 16)
        return Self.spread(min(timing.retry * (1 << doublings), timing.maxBackoff), jitter)
    }

    /// Never earlier than asked for, up to a quarter later.
    private static func spread(_ pause: Duration, _ jitter: Double) -> Duration {
        pause * (1 + jitter / 4)
    }
}
