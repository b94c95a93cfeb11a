/// What a Live Activity or a widget shows of a job: some 200 bytes, where the system allows 4 KB.
public struct ActivityState: Codable, Sendable, Hashable {
    /// At most so many characters of a title.
    static let longestTitle = 80

    public var processed: Int
    public var total: Int
    /// In 0...1.
    public var progress: Double
    /// Title of the last finished book, shortened.
    public var title: String?
    public var status: Status

    /// What there is to show of a snapshot.
    public init(_ snapshot: Snapshot) {
        processed = snapshot.processedCount
        total = snapshot.totalCount
        progress = snapshot.progress
        title = snapshot.currentTitle.map { String($0.prefix(Self.longestTitle)) }
        status = snapshot.status
    }
}

/// Lets through as many states as the system takes from an app: the first, one every few seconds if something changed,
/// and the last.
public struct ActivityThrottle: Sendable {
    private let interval: Duration
    private var shown: (state: ActivityState, at: ContinuousClock.Instant)?

    public init(interval: Duration = .seconds(5)) {
        self.interval = interval
    }

    /// The state to show after this update, if any.
    public mutating func state(after update: Update, at now: ContinuousClock.Instant = .now) -> ActivityState? {
        let (snapshot, last): (Snapshot, Bool)
        switch update.event {
        case .progress(let progress): (snapshot, last) = (progress, false)
        case .completed(let end), .failed(let end): (snapshot, last) = (end, true)
        case .book, .timeout, .using, .lost: return nil
        }
        let state = ActivityState(snapshot)
        if let shown, !last, shown.state == state || shown.at.duration(to: now) < interval { return nil }
        shown = (state, now)
        return state
    }
}
