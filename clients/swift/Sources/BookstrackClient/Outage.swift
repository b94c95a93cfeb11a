/// For how long a server was asked in vain since its last sign of life. Time in which the app stood still, because it was
/// suspended or its device slept, does not count.
struct Outage {
    private var away: Duration = .zero
    private var pause: Duration = .zero
    private var at: SuspendingClock.Instant

    /// The server gave a sign of life.
    init(overAt now: SuspendingClock.Instant = .now) { at = now }

    /// Counts an attempt that failed, and that began after the last pause and may have lasted for `limit`. Answers for how
    /// long the server will have been away after the next `pause`.
    mutating func failed(at now: SuspendingClock.Instant = .now, pause: Duration, limit: Duration) -> Duration {
        away += min(at.duration(to: now), self.pause + limit)
        at = now
        self.pause = pause
        return away + pause
    }
}
