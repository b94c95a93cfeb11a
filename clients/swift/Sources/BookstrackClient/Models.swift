import Foundation

/// All that an app stores to go on with a job after it was killed.
public struct Job: Codable, Sendable, Hashable, Identifiable {
    /// The job's name.
    public var id: String
    /// A secret: what cancels the job, and changes it. In the keychain, if anywhere.
    public var token: String?
    /// Up to where its updates have been seen.
    public var lastEventID: String?

    public init(id: String, token: String? = nil, lastEventID: String? = nil) {
        self.id = id
        self.token = token
        self.lastEventID = lastEventID
    }
}

/// Where a job is in its life. Servers may know more of them than this client.
public struct Status: RawRepresentable, Codable, Sendable, Hashable {
    public var rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }

    /// Accepted, not begun.
    public static let initialized = Self(rawValue: "initialized")
    /// Running.
    public static let processing = Self(rawValue: "processing")
    /// Over: every book has its final state.
    public static let completed = Self(rawValue: "completed")
    /// Over: it could not be done.
    public static let failed = Self(rawValue: "failed")
    /// Over: somebody canceled it.
    public static let canceled = Self(rawValue: "canceled")
    /// Answer to a cancellation that has not taken effect yet.
    public static let canceling = Self(rawValue: "canceling")

    /// Whether this is a job's last status.
    public var isTerminal: Bool { [.completed, .failed, .canceled].contains(self) }
}

/// A job as it is at one moment.
public struct Snapshot: Codable, Sendable, Hashable {
    public var jobId: String
    public var status: Status
    /// In 0...1; it never goes back.
    public var progress: Double
    /// Books that are final: found or not.
    public var processedCount: Int
    /// Books in all; 0 until the upload has been read.
    public var totalCount: Int
    /// `csv_import`, `ai_scan`, `batch_enrichment`.
    public var pipeline: String?
    /// `queued`, `analyzing`, `enriching`, `complete`, `error`.
    public var stage: String?
    /// What is being done, for people.
    public var message: String?
    /// Title of the last finished book.
    public var currentTitle: String?
    public var successCount: Int?
    public var failureCount: Int?
    /// Since the start, in ms.
    public var elapsedMs: Int?
    /// The server's estimate of what is left, in ms.
    public var etaMs: Int?
    /// Why it failed.
    public var error: JobError?
}

/// Why a job failed.
public struct JobError: Codable, Sendable, Hashable {
    /// `E_…`, stable.
    public var code: String
    /// Technical.
    public var message: String?
    /// A sentence that a reader of books understands.
    public var userMessage: String?
    /// Whether the same job may succeed later.
    public var retryable: Bool?
}

/// A book, as far as imports, scans and enrichments agree.
public struct Book: Codable, Sendable, Hashable {
    /// Empty when unknown.
    public var title: String
    public var isbn: String?
    /// Of an imported or enriched book.
    public var authors: [String]?
    /// Of a detected book.
    public var author: String?
    public var publisher: String?
    /// ISO date, month or year.
    public var publishedDate: String?
    public var publicationYear: Int?
    public var pageCount: Int?
    public var language: String?
    public var coverUrl: String?
    /// `success`, `not_found`, `error`, `circuit_open` or `pending`.
    public var enrichmentStatus: String?
    /// How sure a detection is, in 0...1.
    public var confidence: Double?
    /// Where in the photo, as shares of its sides.
    public var boundingBox: BoundingBox?
    public var photoIndex: Int?
    /// The row of the file; the header is row 1.
    public var row: Int?
    /// Whether a person should say which book it is.
    public var toReview: Bool?
    /// The way in which a person has said so: `candidate`, `isbn`, `work`, `title_author`, `none`.
    public var choice: String?
    /// Books that it may be, the likeliest first.
    public var candidates: [Candidate]?

    /// The names of its authors, however the job's kind spells them.
    public var authorNames: [String] {
        authors ?? author.map { $0.isEmpty ? [] : [$0] } ?? []
    }
}

/// A part of a photo, as shares of its sides.
public struct BoundingBox: Codable, Sendable, Hashable {
    public var x: Double
    public var y: Double
    public var width: Double
    public var height: Double
}

/// What a job found.
public struct Results: Codable, Sendable {
    public var jobId: String
    /// `completed`, or `canceled` when these are the results so far.
    public var status: Status
    /// In the order of the upload.
    public var books: [Book]
    /// Rows rejected and remarks, of an import.
    public var errors: [RowProblem]?
    public var booksCreated: Int?
    public var duplicatesSkipped: Int?
    public var rows: Int?
    public var rowsRejected: Int?
}

/// A row of an imported file that was rejected, or kept with a remark.
public struct RowProblem: Codable, Sendable, Hashable {
    public var row: Int
    public var isbn: String
    public var title: String
    public var error: String
    public var rejected: Bool
}

/// A book that may be the wanted one.
public struct Candidate: Codable, Sendable, Hashable {
    public var title: String
    public var authors: [String]
    public var year: Int?
    public var isbn: String?
    public var workKey: String?
    public var coverUrl: String?
    /// Why it was not taken: `other_book_of_number`, `unsure`, `other_author`, `other_title`, `other`.
    public var reason: String
}

/// A person's decision which book a book of an ended job is.
public enum Choice: Encodable, Sendable, Hashable {
    /// One of its candidates, from 0.
    case candidate(Int)
    /// The edition with this ISBN.
    case isbn(String)
    /// The work with this key at Open Library.
    case workKey(String)
    /// The book with this title and first author.
    case title(String, author: String)
    /// None of the books that providers know.
    case nothing

    private enum CodingKeys: String, CodingKey {
        case candidate, isbn, workKey, title, author
    }

    public func encode(to encoder: any Encoder) throws {
        if case .nothing = self {
            var null = encoder.singleValueContainer()
            return try null.encodeNil()
        }
        var body = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .candidate(let number): try body.encode(number, forKey: .candidate)
        case .isbn(let isbn): try body.encode(isbn, forKey: .isbn)
        case .workKey(let key): try body.encode(key, forKey: .workKey)
        case .title(let title, let author):
            try body.encode(title, forKey: .title)
            try body.encode(author, forKey: .author)
        case .nothing: break
        }
    }
}

/// Books that have some words.
public struct SearchResults: Codable, Sendable, Hashable {
    /// Works in all.
    public var total: Int
    /// The hits of this page.
    public var results: [SearchHit]
}

/// A hit of a search.
public struct SearchHit: Codable, Sendable, Hashable {
    /// Empty when unknown.
    public var isbn: String
    public var title: String
    public var authors: [String]
    public var coverUrl: String?

    private enum CodingKeys: String, CodingKey {
        case isbn, title, authors
        case coverUrl = "cover_url"
    }
}

/// What a server has and its limits, as far as apps need them.
public struct Capabilities: Codable, Sendable, Hashable {
    public struct Features: Codable, Sendable, Hashable {
        /// By their names in `X-AI-Provider`.
        public var visionProviders: [String]
        /// `sse`, `polling`, `websocket`.
        public var transports: [String]
        /// Whether the books are made up.
        public var sandbox: Bool?
    }

    public var version: String
    public var features: Features
    /// Each limit under its name in the description.
    public var limits: [String: Double]
}

/// What to try again.
public enum Outcome: String, Codable, Sendable {
    case error
    case circuitOpen = "circuit_open"
    case notFound = "not_found"
    case failedPhotos = "failed_photos"
}

/// A job that was made by trying another one again.
public struct Retried: Codable, Sendable, Hashable {
    /// Its results are the whole library's.
    public var job: Job
    /// Of a scan: the photos, from 0, that could not be looked at and are not kept.
    public var photosToSend: [Int]
}

/// Rows that somebody may want to mend.
public enum Mendable: String, Codable, Sendable {
    /// Rows that could not be read, and books that no provider has answered about.
    case failed
    /// Books that no provider knows.
    case notFound = "not_found"
    /// Rows with a remark.
    case warnings
    /// Books of which a person should say which they are.
    case review
    /// The whole library; as CSV only.
    case all
}

/// Rows of an import that somebody may want to mend.
public struct Rows: Codable, Sendable, Hashable {
    public struct Row: Codable, Sendable, Hashable {
        /// Number of the record in its file, from 1; else of the book in the job, from 1.
        public var row: Int
        /// Number of its book among the job's, from 0; `nil` when it has none.
        public var index: Int?
        /// `rejected`, `not_found`, `failed` or `warning`.
        public var kind: String
        /// The same for people.
        public var problem: String
        /// Its cells under the columns; there may be more or fewer.
        public var cells: [String]
    }

    /// The columns of the imported file.
    public var columns: [String]
    public var rows: [Row]
}

/// How an import of a library would read it.
public struct Preview: Codable, Sendable {
    /// What a column was taken for.
    public struct Column: Codable, Sendable, Hashable {
        /// Its header, or its number from 1.
        public var name: String
        /// The field; `nil` when the column is not used.
        public var field: String?
        /// How sure that is.
        public var certainty: String?
        /// In how many rows it is not empty.
        public var filled: Int
    }

    /// How the file was read.
    public struct Reading: Codable, Sendable, Hashable {
        public var encoding: String
        public var delimiter: String?
        /// `nil` in a file without a header.
        public var headerRow: Int?
        public var columns: [Column]
    }

    /// What looking the books up would take, at least.
    public struct Lookups: Codable, Sendable, Hashable {
        public var requests: Int
        public var seconds: Int
    }

    public var rows: Int
    public var booksFound: Int
    public var rowsRejected: Int
    /// Whether a person should look at how it was read.
    public var uncertain: Bool
    /// Why the import would fail as a whole.
    public var failure: JobError?
    public var reading: Reading?
    /// The first 20 as they would be imported.
    public var books: [Book]
    /// The first 100 rejected rows and remarks.
    public var errors: [RowProblem]
    public var lookups: Lookups
    /// Names that a mapping may give to columns, besides `ignore`.
    public var fields: [String]
}

/// What a cancellation led to.
public struct Cancellation: Codable, Sendable {
    public var jobId: String
    /// What became true: `canceled`, or `completed` when the job was quicker; `canceling` while that is open.
    public var status: Status
    /// For people.
    public var message: String?
}

/// How progress comes.
public enum Transport: String, Sendable, Codable {
    case sse
    case poll
}

/// What a followed job says.
public struct Update: Sendable {
    public enum Event: Sendable {
        /// It waits or runs.
        case progress(Snapshot)
        /// A book is final: only if asked for.
        case book(index: Int, Book)
        /// The last one: all books are final.
        case completed(Snapshot)
        /// The last one; also of a job that was canceled, as the snapshot's status says.
        case failed(Snapshot)
        /// The last one, although the job may go on: it has made no progress for minutes.
        case timeout(String)
        /// From here on, progress comes this way.
        case using(Transport)
        /// The server is away; it is asked again after the pause.
        case lost(reason: String, pause: Duration)
    }

    public var event: Event
    /// What to store to go on from here.
    public var job: Job
}
