// Imports a library, or goes on with a job that an earlier run began:
//
//     bookstrack-example http://127.0.0.1:3000 library.csv
//
// The job is kept in a file beside the library until it is over: kill this and start it again. Before there is a job it is
// the key, so that a kill in between does not import twice.
import BookstrackClient
import Foundation

guard CommandLine.arguments.count == 3, let server = URL(string: CommandLine.arguments[1]) else {
    FileHandle.standardError.write(Data("usage: bookstrack-example SERVER LIBRARY.csv\n".utf8))
    exit(2)
}
let library = URL(fileURLWithPath: CommandLine.arguments[2])
let stored = library.appendingPathExtension("job")
let client = BookstrackClient(baseURL: server)

let begun = try? Data(contentsOf: stored)
let job: Job
if let begun, let known = try? JSONDecoder().decode(Job.self, from: begun) {
    job = known
} else {
    let key = begun.map { String(decoding: $0, as: UTF8.self) } ?? UUID().uuidString
    try Data(key.utf8).write(to: stored, options: .atomic)
    job = try await client.submit(csv: Data(contentsOf: library), key: key)
    try JSONEncoder().encode(job).write(to: stored, options: .atomic)
}
var titles = 0
do {
    for try await update in job.updates(books: true, from: client) {
        switch update.event {
        case .progress(let now): print("\(now.processedCount) of \(now.totalCount)")
        case .book(let index, let book):
            titles += 1
            print("  \(index): \(book.title)")
            fflush(nil)
        case .completed(let end): print("\(end.successCount ?? 0) of \(end.totalCount) books found, \(titles) told")
        case .failed(let end): print(end.error?.userMessage ?? end.status.rawValue)
        case .timeout(let message): print(message)
        case .using(let transport): print("by \(transport.rawValue)")
        case .lost(let reason, let pause): print("\(reason); again in \(pause)")
        }
        if update.event.isLast {
            try? FileManager.default.removeItem(at: stored)
        } else {
            try JSONEncoder().encode(update.job).write(to: stored, options: .atomic)
        }
    }
} catch BookstrackError.gone(let refusal) {
    print(refusal.message)
    try? FileManager.default.removeItem(at: stored)
}
