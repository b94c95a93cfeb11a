import Foundation

/// All that an app stores to go on with a job after it was killed.
public struct Job: Codable, Sendable, Hashable, Identifiable {
    /// The job's name.
    public var id: String
    /// A secret: what cancels the job, and changes it. In the keychain, if anywhere.
    public var token: String?
    /// Up to where its updates have been seen.
    public var lastEventID: String?

    /// A job as an app stored it, or knows it by its id alone.
    public init(id: String, token: String? = nil, lastEventID: String? = nil) {
        self.id = id
        self.token = token
        self.lastEventID = lastEventID
    }
}

/// Where a job is in its life. Servers may know more of them than this client.
public struct Status: RawRepresentable, Codable, Sendable, Hashable {
    /// As the server spells it.
    public var rawValue: String
    /// A status that the server may spell so.
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
    /// It has made no progress for minutes: of an ``ActivityState`` after a ``Update/Event/timeout(_:)`` only.
    public static let stalled = Self(rawValue: "stalled")

    /// Whether this is a job's last status.
    public var isTerminal: Bool { [.completed, .failed, .canceled].contains(self) }
}

/// A job as it is at one moment.
public struct Snapshot: Codable, Sendable, Hashable {
    /// The job that this is of.
    public var jobId: String
    /// Where it is in its life.
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
    /// Books that were found.
    public var successCount: Int?
    /// Books that were not found, or could not be looked up.
    public var failureCount: Int?
    /// Since the start, in ms.
    public var elapsedMs: Int?
    /// The server's estimate of what is left, in ms.
    public var etaMs: Int?
    /// Until when it waits for a provider that refuses or fails, in ISO 8601; ``message`` says for whom.
    public var waitingUntil: String?
    /// Items, among those not found, that no provider has answered about.
    public var unanswered: Int?
    /// Until when the results are kept, in ISO 8601.
    public var expiresAt: String?
    /// The job that this one tries again.
    public var retryOf: String?
    /// Photos of a scan that have been looked at.
    public var processedPhotos: Int?
    /// Photos of a scan.
    public var totalPhotos: Int?
    /// Different books that a scan has seen.
    public var recognizedBooks: Int?
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
    /// ISBN-13 or ISBN-10, digits only.
    public var isbn: String?
    /// The same as ISBN-13.
    public var isbn13: String?
    /// The same as ISBN-10, where there is one.
    public var isbn10: String?
    /// What the imported file says of it: the reader's rating, shelves, dates, notes.
    public var source: Source?
    /// Of an imported or enriched book.
    public var authors: [String]?
    /// Of a detected book.
    public var author: String?
    /// The publisher's name.
    public var publisher: String?
    /// ISO date, month or year.
    public var publishedDate: String?
    /// Of a detected book.
    public var publicationYear: Int?
    /// Pages of the edition.
    public var pageCount: Int?
    /// What it is about, in a few sentences.
    public var description: String?
    /// Subjects.
    public var categories: [String]?
    /// The catalogue that knows it.
    public var provider: String?
    /// How it was found: `isbn`, `title_author` or `work`.
    public var match: String?
    /// How sure that is, in 0...1.
    public var matchConfidence: Double?
    /// Language of the edition, as its catalogue spells it.
    public var language: String?
    /// Where an image of its cover is.
    public var coverUrl: String?
    /// `success`, `not_found`, `error`, `circuit_open` or `pending`.
    public var enrichmentStatus: String?
    /// How sure a detection is, in 0...1.
    public var confidence: Double?
    /// Where in the photo, as shares of its sides.
    public var boundingBox: BoundingBox?
    /// The photo it was seen on, from 0.
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

/// What an imported file says of a book, and no catalogue knows. Days are `yyyy-mm-dd`, `yyyy-mm` or `yyyy`.
public struct Source: Codable, Sendable, Hashable {
    /// The series, and the book's place in it.
    public struct Series: Codable, Sendable, Hashable {
        /// Its name.
        public var name: String?
        /// As the file says it: `1`, `1.5`, `1-3`.
        public var position: String?
    }

    /// Above 0, at most 5.
    public var userRating: Double?
    /// How far the reader is with it.
    public var readingStatus: String?
    /// The reader's own shelves, tags and collections.
    public var shelves: [String]?
    /// When it came into the library.
    public var dateAdded: String?
    /// When the last reading began.
    public var dateStarted: String?
    /// When it was last finished.
    public var dateRead: String?
    /// When the reader gave it up.
    public var dateStopped: String?
    /// All readings, where ``dateRead`` does not say it all: days, months or years, or two of one kind with a slash between.
    public var datesRead: [String]?
    /// Readings.
    public var readCount: Int?
    /// The reader's review.
    public var review: String?
    /// The reader's private notes.
    public var notes: String?
    /// The series that the file names.
    public var series: Series?
    /// Binding or medium.
    public var format: String?
    /// Copies that the reader owns.
    public var ownedCopies: Int?
    /// Year in which the work was first published.
    public var originalYear: Int?
    /// The title as it stands in the file, where the book's is only a part of it.
    public var title: String?
    /// Amazon's number.
    public var asin: String?
    /// Its number at Goodreads.
    public var goodreadsId: String?
    /// Its number at LibraryThing.
    public var librarythingId: String?
}

/// A part of a photo, as shares of its sides.
public struct BoundingBox: Codable, Sendable, Hashable {
    /// Of the left edge.
    public var x: Double
    /// Of the upper edge.
    public var y: Double
    /// Share of the photo's width.
    public var width: Double
    /// Share of the photo's height.
    public var height: Double
}

/// What a job found.
public struct Results: Codable, Sendable {
    /// The job that found it.
    public var jobId: String
    /// `completed`, or `canceled` when these are the results so far.
    public var status: Status
    /// In the order of the upload.
    public var books: [Book]
    /// Rows rejected and remarks, of an import.
    public var errors: [RowProblem]?
    /// Books of an import.
    public var booksCreated: Int?
    /// Rows of an import that were merged into an earlier one of the same book.
    public var duplicatesSkipped: Int?
    /// Rows of the imported file.
    public var rows: Int?
    /// Rows that could not be read.
    public var rowsRejected: Int?
    /// Books that a provider knows, of an import.
    public var enrichmentSucceeded: Int?
    /// Books that no provider knows or has answered about, of an import.
    public var enrichmentFailed: Int?
    /// Books, among those not found, that no provider has answered about.
    public var unanswered: Int?
    /// Different books on the photos of a scan.
    public var totalDetected: Int?
    /// Books of a scan whose detection is certain enough.
    public var approved: Int?
    /// Books of a scan that somebody should look at.
    public var needsReview: Int?
}

/// A row of an imported file that was rejected, or kept with a remark.
public struct RowProblem: Codable, Sendable, Hashable {
    /// Number of the record in its file; the header is row 1.
    public var row: Int
    /// As the file has it; empty without one.
    public var isbn: String
    /// As the file has it; empty without one.
    public var title: String
    /// What is wrong, for people.
    public var error: String
    /// Whether the row was rejected, and not only remarked upon.
    public var rejected: Bool
}

/// A book that may be the wanted one.
public struct Candidate: Codable, Sendable, Hashable {
    /// Title of the candidate.
    public var title: String
    /// Names of its authors, the first one first.
    public var authors: [String]
    /// Year of the edition, else of the first publication.
    public var year: Int?
    /// ISBN of the edition.
    public var isbn: String?
    /// Key of the work at Open Library.
    public var workKey: String?
    /// Where an image of its cover is.
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

    /// As the server reads it.
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
    /// Title of the work.
    public var title: String
    /// Names of its authors, the first one first.
    public var authors: [String]
    /// Where an image of its cover is.
    public var coverUrl: String?

    private enum CodingKeys: String, CodingKey {
        case isbn, title, authors
        case coverUrl = "cover_url"
    }
}

/// What a server has and its limits, as far as apps need them.
public struct Capabilities: Codable, Sendable, Hashable {
    /// What is configured.
    public struct Features: Codable, Sendable, Hashable {
        /// By their names in `X-AI-Provider`.
        public var visionProviders: [String]
        /// `sse`, `polling`, `websocket`.
        public var transports: [String]
        /// Whether the books are made up.
        public var sandbox: Bool?
    }

    /// Of the application.
    public var version: String
    /// What is configured.
    public var features: Features
    /// Each limit under its name in the description; without those that are no numbers.
    public var limits: [String: Double]
}

extension Capabilities {
    private struct Limit: Decodable {
        var number: Double?

        init(from decoder: any Decoder) throws {
            number = try? decoder.singleValueContainer().decode(Double.self)
        }
    }

    /// Reads what this client knows of them.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        version = try fields.decode(String.self, forKey: .version)
        features = try fields.decode(Features.self, forKey: .features)
        limits = try fields.decode([String: Limit].self, forKey: .limits).compactMapValues(\.number)
    }
}

/// What to try again.
public enum Outcome: String, Codable, Sendable {
    /// Books that could not be looked up.
    case error
    /// Books whose catalogue was not asked, because it kept failing.
    case circuitOpen = "circuit_open"
    /// Books that no catalogue knew.
    case notFound = "not_found"
    /// Photos that could not be looked at.
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
    /// One of them.
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
    /// In the order of the file.
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
        /// Its first values, at most three; `nil` when it is empty.
        public var samples: [String]?
    }

    /// How the file was read.
    public struct Reading: Codable, Sendable, Hashable {
        /// How its characters are encoded.
        public var encoding: String
        /// What separates its cells; `nil` for a workbook.
        public var delimiter: String?
        /// `nil` in a file without a header.
        public var headerRow: Int?
        /// Its columns, from left to right.
        public var columns: [Column]
    }

    /// What looking the books up would take, at least.
    public struct Lookups: Codable, Sendable, Hashable {
        /// Requests to catalogues.
        public var requests: Int
        /// How long they take.
        public var seconds: Int
    }

    /// Data rows of the file.
    public var rows: Int
    /// Different books in it.
    public var booksFound: Int
    /// Rows that could not be read.
    public var rowsRejected: Int
    /// Whether a person should look at how it was read.
    public var uncertain: Bool
    /// Why the import would fail as a whole.
    public var failure: JobError?
    /// How it was read; `nil` when it could not be.
    public var reading: Reading?
    /// The first 20 as they would be imported.
    public var books: [Book]
    /// The first 100 rejected rows and remarks.
    public var errors: [RowProblem]
    /// What the import would ask of catalogues.
    public var lookups: Lookups
    /// Names that a mapping may give to columns, besides `ignore`.
    public var fields: [String]
}

/// What a cancellation led to.
public struct Cancellation: Codable, Sendable {
    /// The job that was to be canceled.
    public var jobId: String
    /// What became true: `canceled`, or `completed` when the job was quicker; `canceling` while that is open.
    public var status: Status
    /// For people.
    public var message: String?
}

/// How progress comes.
public enum Transport: String, Sendable, Codable {
    /// By its event stream.
    case sse
    /// By asking for its status again and again.
    case poll
}

/// What a followed job says.
public struct Update: Sendable {
    /// What there is to say.
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

    /// What happened.
    public var event: Event
    /// What to store to go on from here.
    public var job: Job
}
