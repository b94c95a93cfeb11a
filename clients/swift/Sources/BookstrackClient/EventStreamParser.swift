import Foundation

/// One dispatched event of a stream.
struct Frame: Equatable {
    var event: String
    var data: String
    /// The last id seen up to this event.
    var id: String
}

/// Reads an event stream as the HTML standard says, from pieces cut anywhere.
///
/// `URLSession.AsyncBytes.lines` must not be used for this: it swallows the empty lines that end events.
struct EventStreamParser {
    /// An event longer than this is refused: a `book` event has a few KB.
    static let maxEvent = 1 << 20

    struct TooLong: Error {}

    /// What the stream last asked clients to wait before they reconnect.
    private(set) var retry: Duration?
    private var line: [UInt8] = []
    /// The line before ended in CR: an LF now belongs to it.
    private var afterCR = false
    private var begun = false
    private var event = ""
    private var data = ""
    private var id = ""

    /// The events that `bytes` complete.
    mutating func push(_ bytes: Data) throws(TooLong) -> [Frame] {
        var frames: [Frame] = []
        for byte in bytes {
            let continuesCRLF = afterCR && byte == UInt8(ascii: "\n")
            afterCR = byte == UInt8(ascii: "\r")
            if continuesCRLF { continue }
            if afterCR || byte == UInt8(ascii: "\n") {
                endLine(&frames)
            } else {
                line.append(byte)
            }
            if line.count + data.utf8.count > Self.maxEvent { throw TooLong() }
        }
        return frames
    }

    private mutating func endLine(_ frames: inout [Frame]) {
        if !begun, line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        begun = true
        defer { line.removeAll(keepingCapacity: true) }
        if line.isEmpty { return dispatch(&frames) }
        let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(decoding: parts[0], as: UTF8.self)
        var bytes = parts.count == 2 ? parts[1] : []
        if bytes.first == UInt8(ascii: " ") { bytes.removeFirst() }
        let value = String(decoding: bytes, as: UTF8.self)
        switch name {
        case "event": event = value
        case "data": data += value + "\n"
        case "id" where !value.utf8.contains(0): id = value
        case "retry" where !value.isEmpty && value.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }):
            if let ms = Int64(value), ms < 1 << 40 { retry = .milliseconds(ms) }
        default: break
        }
    }

    private mutating func dispatch(_ frames: inout [Frame]) {
        defer {
            event = ""
            data = ""
        }
        if data.isEmpty { return }
        frames.append(Frame(event: event.isEmpty ? "message" : event, data: String(data.dropLast()), id: id))
    }
}
