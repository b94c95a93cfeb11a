/// What a Live Activity or a widget shows of a job: some 200 bytes, 500 at most, where the system allows 4 KB.
public struct ActivityState: Codable, Sendable, Hashable {
    /// At most so many characters of a title, and so many bytes: a character may have any number of marks.
    static let longestTitle = (characters: 80, bytes: 240)

    /// Books that are final.
    public var processed: Int
    /// Books in all.
    public var total: Int
    /// In 0...1.
    public var progress: Double
    /// Title of the last finished book, shortened.
    public var title: String?
    /// Where the job is in its life.
    public var status: Status

    /// What there is to show of a snapshot.
    public init(_ snapshot: Snapshot) {
        processed = snapshot.processedCount
        total = snapshot.totalCount
        progress = snapshot.progress
        title = snapshot.currentTitle.map { whole in
            var title = String(whole.prefix(Self.longestTitle.characters))
            while title.utf8.count > Self.longestTitle.bytes { title.unicodeScalars.removeLast() }
            return title
        }
        status = snapshot.status
    }
}

/// Lets through as many states as the system takes from an app: the first, one every few seconds if something changed,
/// and the last. Where nothing follows for a while, ``held`` is what was kept back: ``state(at:)`` hands it out when its time
/// has come.
public struct ActivityThrottle: Sendable {
    private let interval: Duration
    private var shown: (state: ActivityState, at: ContinuousClock.Instant)?
    /// The newest state that was kept back, and when it may be shown.
    public private(set) var held: (state: ActivityState, at: ContinuousClock.Instant)?

    /// A throttle that lets a state through every `interval` at most.
    public init(interval: Duration = .seconds(5)) {
        self.interval = interval
    }

    /// The state to show after this update, if any.
    public mutating func state(after update: Update, at now: ContinuousClock.Instant = .now) -> ActivityState? {
        let (snapshot, last): (Snapshot, Bool)
        switch update.event {
        case .progress(let progress): (snapshot, last) = (progress, false)
        case .completed(let end), .failed(let end): (snapshot, last) = (end, true)
        case .timeout:
            // Nothing follows, although the job may go on.
            guard var state = held?.state ?? shown?.state else { return nil }
            state.status = .stalled
            return show(state, now)
        case .book, .using, .lost: return nil
        }
        let state = ActivityState(snapshot)
        if let shown, !last {
            if shown.state == state { return nil }
            if shown.at.duration(to: now) < interval {
                held = (state, shown.at + interval)
                return nil
            }
        }
        return show(state, now)
    }

    /// The state that was kept back, once it may be shown.
    public mutating func state(at now: ContinuousClock.Instant = .now) -> ActivityState? {
        guard let held, held.at <= now else { return nil }
        return show(held.state, now)
    }

    private mutating func show(_ state: ActivityState, _ now: ContinuousClock.Instant) -> ActivityState {
        shown = (state, now)
        held = nil
        return state
    }
}
