import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

extension BookstrackClient {
    /// A request for an upload that goes on while the app sleeps, or after it was killed.
    ///
    /// Sessions of this client work while the app is in the foreground, and for the seconds that the system grants it
    /// after that. A large upload belongs into a background session of the app, which the system carries out by itself:
    ///
    /// ```swift
    /// let request = try client.backgroundUpload(of: .csv, key: key)   // store the key with the user's action
    /// backgroundSession.uploadTask(with: request, fromFile: file).resume()
    /// // later, in the session's delegate, with what urlSession(_:dataTask:didReceive:) collected:
    /// let job = try Job(answer: data, response: task.response)
    /// ```
    ///
    /// The file itself is the body: no multipart file has to be written. If the system repeats the request, its key makes
    /// that the same job. Following needs a connection that is read while it is open: start it in the foreground, with the
    /// stored ``Job``.
    public func backgroundUpload(of kind: UploadKind, key: String) throws -> URLRequest {
        let (path, type) =
            switch kind {
            case .csv: ("/api/v2/imports", "text/csv")
            case .photo(let mediaType): ("/api/batch-scan", mediaType)
            }
        return try shared.http.request("POST", path, headers: ["Idempotency-Key": key, "Content-Type": type, "Accept": "application/json"])
    }
}

/// What a file for a background upload is.
public enum UploadKind: Sendable {
    /// A library as CSV.
    case csv
    /// One photo of a shelf.
    case photo(mediaType: String)
}

extension Job {
    /// The job that an upload was answered with, or the error it was refused with.
    public init(answer: Data, response: URLResponse?) throws {
        guard let head = response as? HTTPURLResponse else { throw BookstrackError.unreachable("no answer") }
        let answer: Answer<Accepted> = try HTTP.answer(head, answer)
        guard let job = answer.data?.job else { throw BookstrackError.unexpected("an answer without a job") }
        self = job
    }
}
