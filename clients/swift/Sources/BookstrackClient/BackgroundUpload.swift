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
    /// let job = try Job(answer: data, response: task.response, from: client)
    /// ```
    ///
    /// The file itself is the body: no multipart file has to be written. If the system repeats the request, its key makes
    /// that the same job. Following needs a connection that is read while it is open: start it in the foreground, with the
    /// stored ``Job``.
    ///
    /// A background session follows every redirection without asking its delegate, also to another server, which then has
    /// the file; and of a 301 or 302 the system makes a `GET` without it. ``Job/init(answer:response:from:)`` believes
    /// neither. Ask ``capabilities()`` before, in the foreground, where the address may be an old one: an address that leads
    /// elsewhere is an error there, before anything is uploaded.
    ///
    /// - Parameters:
    ///   - key: Names the user's action: see ``submit(csv:mapping:key:clientRef:progress:)``.
    ///   - clientRef: A text of the app's, at most 256 characters, that the server's webhook says when the job ends.
    public func backgroundUpload(of kind: UploadKind, key: String, clientRef: String? = nil) throws -> URLRequest {
        var headers = try Self.headers(kind.mapping)
        headers["Content-Type"] = kind.mediaType
        headers["Accept"] = "application/json"
        return try upload(to: kind.path, key, clientRef, headers: headers, parameters: kind.parameters)
    }
}

/// What a file for a background upload is.
public struct UploadKind: Sendable {
    var path: String
    var mediaType: String
    var mapping: [String: String] = [:]
    var parameters: [String] = []

    /// A library as CSV or a workbook.
    public static let csv = UploadKind.csv(mapping: [:])

    /// A library as CSV or a workbook, of whose columns the app knows more: see ``BookstrackClient/preview(csv:mapping:)``.
    public static func csv(mapping: [String: String]) -> UploadKind {
        UploadKind(path: "/api/v2/imports", mediaType: "text/csv", mapping: mapping)
    }

    /// One photo of a shelf.
    ///
    /// - Parameter keepFailed: Keep it as long as the job if it cannot be looked at, so that a retry looks at it again.
    public static func photo(mediaType: String, keepFailed: Bool = false) -> UploadKind {
        UploadKind(path: "/api/batch-scan", mediaType: mediaType, parameters: keepFailed ? ["keepFailedPhotos=true"] : [])
    }
}

extension Job {
    /// The job that an upload was answered with, or the error it was refused with. An answer of another server than the
    /// client's, to which the system was sent on, is an error that names it.
    public init(answer: Data, response: URLResponse?, from client: BookstrackClient) throws {
        guard let head = response as? HTTPURLResponse else { throw BookstrackError.unreachable("no answer") }
        if let url = head.url, URL(string: client.shared.http.base)?.mayLead(to: url) != true {
            throw BookstrackError.redirected(to: url.absoluteString)
        }
        let answer: Answer<Accepted> = try HTTP.answer(head, answer)
        guard let job = answer.data?.job else { throw BookstrackError.unexpected("an answer without a job") }
        self = job
    }
}
