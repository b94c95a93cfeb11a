import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// A client of a bookstrack server: submits jobs, follows them whatever the network does, fetches what they found.
///
/// ```swift
/// let client = BookstrackClient(baseURL: URL(string: "https://books.example.org")!)
/// let job = try await client.submit(csv: csv)
/// for try await update in job.updates(books: true, from: client) {
///     store(update.job)  // all that is needed to go on after the app was killed
///     if case .book(_, let book) = update.event { show(book) }
/// }
/// ```
public final class BookstrackClient: Sendable {
    /// How often a submission is repeated when its answer was lost; its key makes all of them one job.
    private static let resubmissions = 5

    let shared: Shared

    /// A client of the server at `baseURL`: a scheme, a host and a port, as `https://books.example.org`. Of the session its configuration is used, which is not that of a
    /// background session: it decides about cellular data, Low Data Mode and proxies. Its delegate is not asked: an app that
    /// pins certificates names them in its `Info.plist` (`NSPinnedDomains`).
    public init(baseURL: URL, session: URLSession = .shared, mode: Mode = .auto, timing: Timing = Timing()) {
        shared = Shared(http: HTTP(baseURL: baseURL, session: session, timing: timing), mode: mode, timing: timing)
    }

    /// What is known about this server's streams: an app may store it for its next start.
    public var streamSupport: StreamSupport? {
        get { shared.support }
        set { shared.support = newValue }
    }

    // MARK: Submitting

    /// Starts the import of a library as CSV or a workbook: at most 8 MB and 10,000 rows.
    ///
    /// - Parameters:
    ///   - mapping: What the app knows better of the columns: see ``preview(csv:mapping:)``.
    ///   - key: Names the user's action: whoever submits again under the same key gets the same job, for as long as it is kept. If the
    ///     answer is lost on the way it is asked for again under this key.
    ///   - clientRef: A text of the app's, at most 256 characters, that the server's webhook says when the job ends.
    ///   - progress: Told how much has been sent.
    public func submit(
        csv: Data, mapping: [String: String] = [:], key: String = UUID().uuidString, clientRef: String? = nil,
        progress: (@Sendable (UploadProgress) -> Void)? = nil
    ) async throws -> Job {
        try await submit("/api/v2/imports", Body(library: csv), key, clientRef, progress, headers: Self.headers(mapping))
    }

    /// How an import of a library would read it: columns, first books, problems, look-ups. No job is made.
    ///
    /// - Parameter mapping: What the app knows better: a field (of ``Preview/fields``), or `ignore`, by a column's header,
    ///   or its number from 1.
    public func preview(csv: Data, mapping: [String: String] = [:]) async throws -> Preview {
        let request = try shared.http.request("POST", "/api/v2/imports/preview", headers: Self.headers(mapping))
        return try await shared.http.ask(request, body: Body(library: csv))
    }

    /// JSON that fits a header.
    static func headers(_ mapping: [String: String]) throws -> [String: String] {
        if mapping.isEmpty { return [:] }
        let json = String(decoding: try JSONEncoder().encode(mapping), as: UTF8.self)
        let ascii = json.utf16.map { unit in
            let hex = String(unit, radix: 16)
            return unit < 0x7F ? String(UnicodeScalar(UInt8(unit))) : "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        }
        return ["X-Import-Mapping": ascii.joined()]
    }

    /// Starts a scan of 1 to 5 photos of bookshelves: JPEG, PNG or WebP, 10 MB each. See ``submit(csv:mapping:key:clientRef:progress:)``.
    ///
    /// - Parameter keepFailedPhotos: Keep photos that cannot be looked at as long as the job, so that a retry looks at them again.
    public func submit(
        photos: [Data], keepFailedPhotos: Bool = false, key: String = UUID().uuidString, clientRef: String? = nil,
        progress: (@Sendable (UploadProgress) -> Void)? = nil
    ) async throws -> Job {
        let parameters = keepFailedPhotos ? ["keepFailedPhotos=true"] : []
        return try await submit("/api/batch-scan", Body(photos: photos), key, clientRef, progress, parameters: parameters)
    }

    /// Starts the look-up of 1 to 1,500 books. See ``submit(csv:mapping:key:clientRef:progress:)``.
    public func submit(books: [BookQuery], key: String = UUID().uuidString, clientRef: String? = nil) async throws -> Job {
        try await submit("/api/batch-enrich", Body(bytes: JSONEncoder().encode(["books": books]), type: "application/json"), key, clientRef, nil)
    }

    /// Tries again what an ended job did not find: a new job, whose results are whole. The same request again is answered
    /// with the same job.
    ///
    /// - Parameter only: Which outcomes; none: those that may succeed at any time.
    public func retry(_ job: Job, only: [Outcome] = []) async throws -> Retried {
        let body = Body(bytes: try JSONEncoder().encode(only.isEmpty ? [:] : ["only": only]), type: "application/json")
        let request = try shared.http.request("POST", "/api/v2/imports/\(job.id.escaped)/retry", headers: job.authorization)
        let accepted = try await begin(request, body)
        return Retried(job: accepted.job, photosToSend: accepted.photosToSend ?? [])
    }

    private func submit(
        _ path: String, _ body: Body, _ key: String, _ clientRef: String?, _ progress: (@Sendable (UploadProgress) -> Void)?,
        headers: [String: String] = [:], parameters: [String] = []
    ) async throws -> Job {
        let request = try upload(to: path, key, clientRef, headers: headers, parameters: parameters)
        return try await begin(request, body, progress).job
    }

    /// A submission without its body.
    func upload(to path: String, _ key: String, _ clientRef: String?, headers: [String: String], parameters: [String]) throws -> URLRequest {
        let all = (clientRef.map { ["clientRef=\($0.escaped)"] } ?? []) + parameters
        let query = all.isEmpty ? "" : "?" + all.joined(separator: "&")
        return try shared.http.request("POST", path + query, headers: headers.merging(["Idempotency-Key": key]) { $1 })
    }

    /// Makes a job. Asks again where the answer was lost: what is asked makes it the same job.
    private func begin(_ request: URLRequest, _ body: Body, _ progress: (@Sendable (UploadProgress) -> Void)? = nil) async throws -> Accepted {
        var tries = 0
        while true {
            do {
                let answer = try await shared.http.call(request, as: Accepted.self, body: body, onProgress: progress)
                guard let accepted = answer.data else { throw BookstrackError.unexpected("an answer without a job") }
                return accepted
            } catch let error as BookstrackError {
                tries += 1
                guard case .unreachable = error, tries <= Self.resubmissions, shared.http.reached || tries <= 1 else { throw error }
                let pause = min(shared.timing.retry * (1 << (tries - 1)), shared.timing.maxBackoff) * (1 + .random(in: 0..<1) / 4)
                try await Task.sleep(for: max(pause, min(error.retryAfter ?? .zero, .seconds(60))))
            }
        }
    }

    // MARK: Following

    /// A job's progress to its end: each book (if asked for) exactly once, progress never back, whatever the network
    /// does. Cancelling the task, or leaving the loop, ends the connection and leaves the job alone.
    ///
    /// Updates hide the transport: an event stream that is resumed where it broke off; polling while streams do not get
    /// through; and streams again. They end with an error only when time will not heal it: see ``BookstrackError``.
    public func updates(of job: Job, books: Bool = false) -> AsyncThrowingStream<Update, any Error> {
        let watch = Watch(shared, job: job, books: books)
        return AsyncThrowingStream { try await watch.update() }
    }

    /// A job as it is now.
    public func status(of job: Job) async throws -> Snapshot {
        try await shared.http.ask(shared.http.request("GET", "/api/v2/imports/\(job.id.escaped)"))
    }

    // MARK: Results

    /// What an ended job found, whole. ``BookstrackError/refused(_:)`` with `NOT_READY` while it runs. Where somebody chooses
    /// a book meanwhile, the counts are those of the last page.
    public func results(of job: Job, pageSize: Int = 1500) async throws -> Results {
        var (results, next) = try await shared.page(job, offset: 0, limit: pageSize)
        while let offset = next {
            let page = try await shared.page(job, offset: offset, limit: pageSize)
            let books = results.books + page.results.books
            results = page.results
            results.books = books
            next = page.next
        }
        return results
    }

    /// One page of what an ended job found, and where the next begins.
    public func page(of job: Job, offset: Int, limit: Int) async throws -> (results: Results, next: Int?) {
        try await shared.page(job, offset: offset, limit: limit)
    }

    /// Rows of an ended import that somebody may want to mend, in the order of the file.
    public func rows(of job: Job, only: Set<Mendable>) async throws -> Rows {
        try await shared.http.ask(shared.http.request("GET", rowsPath(job, only)))
    }

    /// ``rows(of:only:)`` as CSV, in the columns of the imported file: to be mended and imported again. `[.all]`: the whole
    /// library, in the columns of Goodreads.
    public func rowsCSV(of job: Job, only: Set<Mendable>) async throws -> Data {
        try await shared.http.data(shared.http.request("GET", rowsPath(job, only) + "&format=csv"))
    }

    private func rowsPath(_ job: Job, _ only: Set<Mendable>) -> String {
        "/api/v2/imports/\(job.id.escaped)/results?only=\(only.map(\.rawValue).sorted().joined(separator: ",").escaped)"
    }

    /// Says which book number `index` of an ended job is, from 0, and answers it as it is then.
    public func choose(_ choice: Choice, for index: Int, of job: Job) async throws -> Book {
        let headers = job.authorization
        let request = try shared.http.request("PUT", "/api/v2/imports/\(job.id.escaped)/books/\(index)", headers: headers)
        return try await shared.http.ask(request, body: Body(bytes: JSONEncoder().encode(choice), type: "application/json"))
    }

    // MARK: Without a job

    /// Books that have these words, the best first.
    ///
    /// - Parameters:
    ///   - page: From 1.
    ///   - limit: Hits on a page, at most 100.
    public func search(_ words: String, page: Int = 1, limit: Int = 20) async throws -> SearchResults {
        try await shared.http.ask(shared.http.request("GET", "/api/v2/search?q=\(words.escaped)&page=\(page)&limit=\(limit)"))
    }

    /// One book by its ISBN, at once. ``BookstrackError/gone(_:)`` when no provider knows it.
    public func lookUp(isbn: String) async throws -> Book {
        let body = Body(bytes: try JSONEncoder().encode(["barcode": isbn]), type: "application/json")
        return try await shared.http.ask(shared.http.request("POST", "/api/v2/books/enrich"), body: body)
    }

    /// What the server has and every limit.
    public func capabilities() async throws -> Capabilities {
        try await shared.http.ask(shared.http.request("GET", "/api/v2/capabilities"))
    }

    // MARK: Ending

    /// Cancels a job; answers what became true, which may be `completed`.
    public func cancel(_ job: Job) async throws -> Cancellation {
        try await shared.http.ask(shared.http.request("DELETE", "/api/v2/imports/\(job.id.escaped)", headers: job.authorization))
    }
}

extension Job {
    /// ``BookstrackClient/updates(of:books:)`` of this job, after `eventID` or after what it has seen.
    public func updates(after eventID: String? = nil, books: Bool = false, from client: BookstrackClient) -> AsyncThrowingStream<Update, any Error> {
        client.updates(of: Job(id: id, token: token, lastEventID: eventID ?? lastEventID), books: books)
    }

    var authorization: [String: String] { token.map { ["Authorization": "Bearer \($0)"] } ?? [:] }
}

/// What a book is looked up by.
public struct BookQuery: Codable, Sendable, Hashable {
    /// Its title, whole or in part.
    public var title: String?
    /// Its first author.
    public var author: String?
    /// ISBN-13 or ISBN-10.
    public var isbn: String?

    /// A query by what is known: at least the title or the ISBN.
    public init(title: String? = nil, author: String? = nil, isbn: String? = nil) {
        self.title = title
        self.author = author
        self.isbn = isbn
    }
}

/// Whether streams of a server get through to this device, as experience showed.
public struct StreamSupport: Codable, Sendable, Hashable {
    /// Whether they do.
    public var streamsWork: Bool
    /// When this is to be forgotten.
    public var until: Date
}

/// What all watches of a client share.
final class Shared: Sendable {
    static let pageSize = 1500

    let http: HTTP
    let mode: Mode
    let timing: Timing
    private let known = Locked<StreamSupport?>(nil)

    init(http: HTTP, mode: Mode, timing: Timing) {
        self.http = http
        self.mode = mode
        self.timing = timing
    }

    var support: StreamSupport? {
        get { known.value.flatMap { $0.until > Date() ? $0 : nil } }
        set { known.value = newValue }
    }

    var streamsBlocked: Bool { support?.streamsWork == false }

    func noteStreamSupport(_ streamsWork: Bool) {
        known.value = StreamSupport(streamsWork: streamsWork, until: Date(timeIntervalSinceNow: timing.streamSupport.timeInterval))
    }

    func page(_ job: Job, offset: Int, limit: Int) async throws -> (results: Results, next: Int?) {
        let request = try http.request("GET", "/api/v2/imports/\(job.id.escaped)/results?offset=\(offset)&limit=\(limit)")
        let answer = try await http.call(request, as: Results.self)
        guard let results = answer.data else { throw BookstrackError.unexpected("304 without a condition") }
        return (results, answer.metadata?.nextOffset.flatMap { $0 > offset ? $0 : nil })
    }
}

struct Accepted: Decodable, Sendable {
    var jobId: String
    var authToken: String?
    var photosToSend: [Int]?

    var job: Job { Job(id: jobId, token: authToken) }
}

extension Body {
    /// The type by its first bytes. The server looks for itself; this only keeps proxies content.
    init(library: Data) {
        let workbook = library.starts(with: [0x50, 0x4B, 0x03, 0x04])
        let open = workbook && library.prefix(200).range(of: Data("opendocument".utf8)) != nil
        let kind = open ? "oasis.opendocument.spreadsheet" : "openxmlformats-officedocument.spreadsheetml.sheet"
        self.init(bytes: library, type: workbook ? "application/vnd.\(kind)" : "text/csv")
    }

    /// `multipart/form-data` (RFC 7578).
    init(photos: [Data]) {
        // Random, so it cannot occur in a photo.
        let boundary = UUID().uuidString
        var bytes = Data()
        bytes.reserveCapacity(photos.reduce(0) { $0 + $1.count + 300 })
        for (index, photo) in photos.enumerated() {
            bytes += Data("--\(boundary)\r\nContent-Disposition: form-data; name=\"photos\"; filename=\"photo-\(index)\"\r\n".utf8)
            bytes += Data("Content-Type: \(Self.mediaType(photo))\r\n\r\n".utf8)
            bytes += photo
            bytes += Data("\r\n".utf8)
        }
        bytes += Data("--\(boundary)--\r\n".utf8)
        self.init(bytes: bytes, type: "multipart/form-data; boundary=\(boundary)")
    }

    /// By its first bytes. The server looks for itself; this only keeps proxies content.
    static func mediaType(_ photo: Data) -> String {
        if photo.starts(with: [0xFF, 0xD8]) { return "image/jpeg" }
        if photo.starts(with: [0x89, 0x50, 0x4E, 0x47]) { return "image/png" }
        return photo.starts(with: Data("RIFF".utf8)) ? "image/webp" : "application/octet-stream"
    }
}
