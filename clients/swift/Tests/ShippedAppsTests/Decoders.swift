// What the shipped apps demand of answers, written anew from the members that they read: a member must be there and have
// its type, unless it is optional.

/// `true`, or the answer is another one.
struct True: Decodable {
    init(from decoder: any Decoder) throws {
        guard try decoder.singleValueContainer().decode(Bool.self) else { throw DecodingError.valueNotFound(Self.self, .init(codingPath: decoder.codingPath, debugDescription: "false")) }
    }
}

/// `false`, or the answer is another one.
struct False: Decodable {
    init(from decoder: any Decoder) throws {
        if try decoder.singleValueContainer().decode(Bool.self) { throw DecodingError.valueNotFound(Self.self, .init(codingPath: decoder.codingPath, debugDescription: "true")) }
    }
}

/// Whatever is not null.
struct Anything: Decodable {
    init(from decoder: any Decoder) throws {
        if try decoder.singleValueContainer().decodeNil() { throw DecodingError.valueNotFound(Self.self, .init(codingPath: decoder.codingPath, debugDescription: "null")) }
    }
}

// MARK: The envelope of the apps since October

struct AnswerMetadata: Decodable {
    var timestamp: String
    var processingTime: Int?
    var cached: Bool?
    var provider: String?
}

struct ErrorInfo: Decodable {
    var message: String
    var code: String?
    var details: Anything?
    var retryable: Bool?
}

struct Failed: Decodable {
    var success: False
    var error: ErrorInfo
    var metadata: AnswerMetadata
}

// MARK: Works, editions and authors as search, scans and enrichments share them

struct Work: Decodable {
    enum ReviewStatus: String, Decodable {
        case verified
        case needsReview
        case userEdited
    }
    var title: String
    var subjectTags: [String]
    var originalLanguage: String?
    var firstPublicationYear: Int?
    var description: String?
    var synthetic: Bool?
    var primaryProvider: Provider?
    var contributors: [Provider]?
    var openLibraryWorkID: String?
    var goodreadsWorkIDs: [String]
    var amazonASINs: [String]
    var librarythingIDs: [String]
    var googleBooksVolumeIDs: [String]
    var isbndbQuality: Int
    var reviewStatus: ReviewStatus
    var coverImageURL: String?
}

struct Edition: Decodable {
    enum Format: String, Decodable {
        case hardcover = "Hardcover"
        case paperback = "Paperback"
        case eBook = "E-book"
        case audiobook = "Audiobook"
        case massMarket = "Mass Market"
    }
    var isbn: String?
    var isbns: [String]
    var title: String?
    var publisher: String?
    var publicationDate: String?
    var pageCount: Int?
    var format: Format
    var coverImageURL: String?
    var language: String?
    var primaryProvider: Provider?
    var contributors: [Provider]?
    var openLibraryEditionID: String?
    var amazonASINs: [String]
    var googleBooksVolumeIDs: [String]
    var librarythingIDs: [String]
    var isbndbQuality: Int
}

struct Author: Decodable {
    enum Gender: String, Decodable {
        case female = "Female"
        case male = "Male"
        case nonBinary = "Non-binary"
        case other = "Other"
        case unknown = "Unknown"
    }
    var name: String
    var gender: Gender
    var openLibraryID: String?
}

enum Provider: String, Decodable {
    case googleBooks = "google-books"
    case openlibrary
    case isbndb
}

struct Box: Decodable {
    var x1: Double
    var y1: Double
    var x2: Double
    var y2: Double
}

enum EnrichmentState: String, Decodable {
    case pending
    case success
    case notFound = "not_found"
    case error
    case circuitOpen = "circuit_open"
}

// MARK: Answers that make a job

struct Named: Decodable {
    var jobId: String
}

struct ScanStages: Decodable {
    var jobId: String
    var stages: [ScanStage]
    var estimatedRange: [Int]
}

struct ScanStage: Decodable {
    var name: String
    var typicalDuration: Int
    var progress: Double
}

struct Tokened: Decodable {
    var jobId: String
    var authToken: String
    var token: String
    var sseUrl: String?
    var statusUrl: String?
    var websocketUrl: String?
}

struct TokenedAnswer: Decodable {
    var success: True
    var data: Tokened
    var metadata: AnswerMetadata
}

struct ScanStream: Decodable {
    var success: True
    var jobId: String
    var token: String
    var sseUrl: String
    var data: ScanStreamData
    var metadata: AnswerMetadata
}

struct ScanStreamData: Decodable {
    var jobId: String
    var authToken: String
    var sseUrl: String
    var stages: [ScanStage]
    var estimatedRange: [Int]
}

struct EnrichStarted: Decodable {
    var success: Bool
    var processedCount: Int
    var totalCount: Int
}

struct EnrichBatch: Decodable {
    var success: True
    var jobId: String
    var token: String
    var authToken: String
    var data: EnrichBatchData
    var metadata: AnswerMetadata
}

struct EnrichBatchData: Decodable {
    var success: Bool
    var jobId: String
    var token: String
    var authToken: String
    var processedCount: Int
    var totalCount: Int
}

struct BatchScan: Decodable {
    var jobId: String
    var token: String
    var totalPhotos: Int
    var status: String
}

// MARK: Polling

struct ScanStatus: Decodable {
    var jobId: String
    var stage: String
    var progress: Double
    var elapsedTime: Int
    var booksDetected: Int
    var result: ScanStatusResult?
    var error: String?
}

struct ScanStatusResult: Decodable {
    var books: [ScannedBook]
    var suggestions: [Suggestion]?
    var metadata: PhotoQuality
}

struct ScannedBook: Decodable {
    var title: String
    var author: String
    var isbn: String?
    var confidence: Double
    var boundingBox: Box
    var enrichmentStatus: EnrichmentState?
    var coverUrl: String?
    var publisher: String?
    var publicationYear: Int?
}

struct Suggestion: Decodable {
    var type: String
    var severity: String
    var message: String
    var affectedCount: Int?
}

struct PhotoQuality: Decodable {
    var imageQuality: String
    var lighting: String
    var sharpness: String
    var readableCount: Int
}

struct JobState: Decodable {
    var jobId: String
    var pipeline: String
    var status: String
    var totalCount: Int
    var processedCount: Int
    var currentTitle: String?
    var version: Int
    var startTime: Int
    var lastUpdateTime: Int
    var error: String?
}

struct ImportStatus: Decodable {
    var success: True
    var data: ImportStatusData
    var error: ErrorInfo?
    var metadata: AnswerMetadata
}

struct ImportStatusData: Decodable {
    var jobId: String
    var status: String
    var progress: Double
    var processedCount: Int
    var totalCount: Int
    var error: String?
    var books: [ImportedBook]?
    var errors: [ImportError]?
}

struct StatusAnswer: Decodable {
    var success: True
    var data: StatusData
    var metadata: AnswerMetadata
}

struct StatusData: Decodable {
    enum Status: String, Decodable {
        case initialized
        case processing
        case completed
        case failed
        case canceled
    }
    var jobId: String
    var status: Status
    var progress: Double
    var processedCount: Int
    var totalCount: Int
    var pipeline: String
    var error: FailureInfo?
}

struct FailureInfo: Decodable {
    var code: String
    var message: String
    var userMessage: String
    var retryable: Bool
    var details: Anything?
}

struct CancelAnswer: Decodable {
    var success: True
    var data: Canceled
    var metadata: AnswerMetadata
}

struct Canceled: Decodable {
    var jobId: String
    var status: String
    var message: String
}

// MARK: Results

struct ImportedBook: Decodable {
    var title: String
    var author: String
    var isbn: String?
    var coverUrl: String?
    var publisher: String?
    var publicationYear: Int?
    var enrichmentError: String?
}

struct ImportError: Decodable {
    var title: String
    var error: String
}

struct ImportResults: Decodable {
    var success: True
    var data: ImportResultsData
    var metadata: AnswerMetadata
}

struct ImportResultsData: Decodable {
    var books: [ImportedBook]
    var errors: [ImportError]
    var booksCreated: Int
    var booksUpdated: Int
    var duplicatesSkipped: Int
    var enrichmentSucceeded: Int
    var enrichmentFailed: Int
    var error: String?
}

struct EnrichedBook: Decodable {
    var title: String
    var author: String?
    var isbn: String?
    var success: Bool
    var error: String?
    var enriched: Enriched?
}

struct Enriched: Decodable {
    var work: Work
    var edition: Edition?
    var authors: [Author]
}

struct EnrichmentResults: Decodable {
    var success: True
    var data: EnrichmentResultsData
    var metadata: AnswerMetadata
}

struct EnrichmentResultsData: Decodable {
    var enrichedBooks: [EnrichedBook]
}

struct DetectedBook: Decodable {
    var title: String?
    var author: String?
    var isbn: String?
    var confidence: Double?
    var boundingBox: Box?
    var enrichmentStatus: String?
    var coverUrl: String?
    var publisher: String?
    var publicationYear: Int?
    var enrichment: Detection?
}

struct Detection: Decodable {
    var status: EnrichmentState
    var work: Work?
    var editions: [Edition]?
    var authors: [Author]?
    var provider: String?
    var cachedResult: Bool?
    var error: String?
    var retryAfterMs: Int?
}

struct ScanResults: Decodable {
    var success: True
    var data: ScanResultsData
    var metadata: AnswerMetadata
}

struct ScanResultsData: Decodable {
    var books: [DetectedBook]
    var totalDetected: Int
    var approved: Int
    var needsReview: Int
}

struct Capabilities: Decodable {
    var features: Features
    var limits: Limits
    var version: String
}

struct Features: Decodable {
    var semantic_search: Bool
    var similar_books: Bool
    var weekly_recommendations: Bool
    var sse_streaming: Bool
    var batch_enrichment: Bool
    var csv_import: Bool
}

struct Limits: Decodable {
    var semantic_search_rpm: Int
    var text_search_rpm: Int
    var csv_max_rows: Int
    var batch_max_photos: Int
}

// MARK: Sockets: the first apps

struct LegacyMessage: Decodable {
    enum Kind: String, Decodable {
        case progress
    }
    var type: Kind
    var jobId: String
    var timestamp: Int
    var data: LegacyData
}

struct LegacyData: Decodable {
    var progress: Double
    var processedItems: Int
    var totalItems: Int
    var currentStatus: String
    var currentWorkId: String?
    var error: String?
    var keepAlive: Bool?
    var result: LegacyResult?
}

struct LegacyResult: Decodable {
    var totalDetected: Int
    var approved: Int
    var needsReview: Int
    var books: [LegacyBook]?
    var metadata: LegacyScan
}

struct LegacyBook: Decodable {
    var title: String
    var author: String
    var isbn: String?
    var format: String?
    var confidence: Double
    var boundingBox: Box
    var enrichment: LegacyEnrichment?
}

struct LegacyEnrichment: Decodable {
    var status: String
    var apiData: ApiData?
    var work: Work?
    var editions: [Edition]?
    var authors: [Author]?
    var provider: String?
    var cachedResult: Bool?
}

struct ApiData: Decodable {
    var title: String
    var authors: [String]
    var isbn: String?
    var coverUrl: String?
    var publisher: String?
    var publicationYear: Int?
}

struct LegacyScan: Decodable {
    var processingTime: Int
    var enrichedCount: Int
    var timestamp: String
    var modelUsed: String
}

// MARK: Sockets: schemas 1.0.0 and 2.0.0

struct Started: Decodable {
    enum Kind: String, Decodable {
        case jobStarted = "job_started"
    }
    var type: Kind
    var jobId: String
    var pipeline: Pipeline
    var timestamp: Int
    var version: String
    var payload: StartedData
}

struct StartedData: Decodable {
    enum Kind: String, Decodable {
        case jobStarted = "job_started"
    }
    var type: Kind
    var totalCount: Int
    var estimatedDuration: Int
    var metadata: StartedFacts
}

struct StartedFacts: Decodable {
    var fileName: String?
    var fileSize: Int?
    var photoCount: Int?
}

struct Progress: Decodable {
    enum Kind: String, Decodable {
        case jobProgress = "job_progress"
    }
    var type: Kind
    var jobId: String
    var pipeline: Pipeline
    var timestamp: Int
    var version: String
    var payload: ProgressData
}

struct ProgressData: Decodable {
    enum Kind: String, Decodable {
        case jobProgress = "job_progress"
    }
    var type: Kind
    var progress: Double
    var status: String
    var processedCount: Int?
    var totalCount: Int?
    var currentItem: String?
    var keepAlive: Bool?
}

struct SocketError: Decodable {
    enum Kind: String, Decodable {
        case error
    }
    var type: Kind
    var jobId: String
    var pipeline: Pipeline
    var timestamp: Int
    var version: String
    var payload: SocketErrorData
}

struct SocketErrorData: Decodable {
    enum Kind: String, Decodable {
        case error
    }
    var type: Kind
    var code: String
    var message: String
    var details: Anything?
    var retryable: Bool?
}

struct ReadyAck: Decodable {
    enum Kind: String, Decodable {
        case readyAck = "ready_ack"
    }
    var type: Kind
    var jobId: String
    var pipeline: Pipeline
    var timestamp: Int
    var version: String
    var payload: Stamp
}

struct Stamp: Decodable {
    var type: String
    var timestamp: Int
}

enum Pipeline: String, Decodable {
    case batchEnrichment = "batch_enrichment"
    case csvImport = "csv_import"
    case aiScan = "ai_scan"
}

struct FlatScanEnd: Decodable {
    enum Kind: String, Decodable {
        case jobComplete = "job_complete"
    }
    var type: Kind
    var jobId: String
    var pipeline: Pipeline
    var timestamp: Int
    var version: String
    var payload: FlatScan
}

struct FlatScan: Decodable {
    var type: String
    var pipeline: String
    var totalDetected: Int
    var approved: Int
    var needsReview: Int
    var books: [DetectedBook]
}

struct FlatEnrichEnd: Decodable {
    enum Kind: String, Decodable {
        case jobComplete = "job_complete"
    }
    var type: Kind
    var jobId: String
    var pipeline: Pipeline
    var timestamp: Int
    var version: String
    var payload: FlatEnrich
}

struct FlatEnrich: Decodable {
    var type: String
    var pipeline: String
    var totalProcessed: Int
    var successCount: Int
    var failureCount: Int
    var duration: Int
    var enrichedBooks: [EnrichedBook]
}

struct FlatImportEnd: Decodable {
    enum Kind: String, Decodable {
        case jobComplete = "job_complete"
    }
    var type: Kind
    var jobId: String
    var pipeline: Pipeline
    var timestamp: Int
    var version: String
    var payload: FlatImport
}

struct FlatImport: Decodable {
    var type: String
    var pipeline: String
    var books: [ImportedBook]
    var errors: [ImportError]
    var successRate: String
}

struct ScanEnd: Decodable {
    enum Kind: String, Decodable {
        case jobComplete = "job_complete"
    }
    var type: Kind
    var jobId: String
    var pipeline: Pipeline
    var timestamp: Int
    var version: String
    var payload: ScanEndData
}

struct ScanEndData: Decodable {
    var type: String
    var pipeline: String
    var summary: ScanSummary
    var expiresAt: String
}

struct ScanSummary: Decodable {
    var totalProcessed: Int
    var successCount: Int
    var failureCount: Int
    var duration: Int
    var resourceId: String?
    var totalDetected: Int?
    var approved: Int?
    var needsReview: Int?
}

struct JobEnd: Decodable {
    enum Kind: String, Decodable {
        case jobComplete = "job_complete"
    }
    var type: Kind
    var jobId: String
    var pipeline: Pipeline
    var timestamp: Int
    var version: String
    var payload: JobEndData
}

struct JobEndData: Decodable {
    var type: String
    var pipeline: String
    var summary: JobSummary
    var expiresAt: String
}

struct JobSummary: Decodable {
    var totalProcessed: Int
    var successCount: Int
    var failureCount: Int
    var duration: Int
    var resourceId: String?
}

struct SnakeScanEnd: Decodable {
    enum Kind: String, Decodable {
        case jobComplete = "job_complete"
    }
    var type: Kind
    var payload: SnakeScan
}

struct SnakeScan: Decodable {
    var total_detected: Int
    var approved: Int
    var needs_review: Int
    var results_url: String
    var model_used: String?
}

// MARK: Event streams

struct StreamState: Decodable {
    var jobId: String
    var status: String
    var progress: Double
    var processedCount: Int
    var totalCount: Int
}

struct StreamFailed: Decodable {
    var jobId: String
    var status: String
    var error: StreamError
}

struct StreamError: Decodable {
    var message: String
    var code: String?
    var retryable: Bool?
}

struct PhotoProgress: Decodable {
    var jobId: String
    var status: String
    var progress: Double
    var processedPhotos: Int
    var totalPhotos: Int
    var recognizedBooks: Int
    var message: String?
}

struct PhotoCompleted: Decodable {
    var jobId: String
    var status: String
    var resultsUrl: String
    var summary: PhotoSummary
}

struct PhotoSummary: Decodable {
    var totalDetected: Int
    var approved: Int
    var needsReview: Int
    var enrichedCount: Int
    var duration: Int
}

struct PhotoFailed: Decodable {
    var jobId: String
    var status: String
    var error: String
    var retryable: Bool?
}
