// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "BookstrackClient",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "BookstrackClient", targets: ["BookstrackClient"])],
    targets: [
        .target(name: "BookstrackClient"),
        .executableTarget(name: "bookstrack-example", dependencies: ["BookstrackClient"]),
        .testTarget(name: "BookstrackClientTests", dependencies: ["BookstrackClient"]),
        .testTarget(name: "ShippedAppsTests"),
    ],
    swiftLanguageModes: [.v6]
)
