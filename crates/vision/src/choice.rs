//! The vision providers by name.

/// A vision provider, whether it is configured or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VisionKind {
    /// Google's Gemini API.
    Gemini,
    /// A server that speaks OpenAI's protocol.
    OpenAi,
    /// The application itself, which reads the lettering on spines and asks nobody.
    Spines,
}

/// The names of a provider.
struct Facts {
    kind: VisionKind,
    /// Name of the provider in capabilities and in the variable `vision_provider`, then the names
    /// that older clients may use.
    names: &'static [&'static str],
    /// Name of the provider in failures.
    endpoint: &'static str,
}

/// Every provider, in the order in which those that are configured are asked.
const FACTS: [Facts; 3] = [
    Facts {
        kind: VisionKind::Gemini,
        names: &["gemini", "gemini-flash"],
        endpoint: "gemini.generateContent",
    },
    Facts {
        kind: VisionKind::OpenAi,
        names: &["openai"],
        endpoint: "openai.chatCompletions",
    },
    Facts {
        kind: VisionKind::Spines,
        names: &["spines"],
        endpoint: "spines",
    },
];

impl VisionKind {
    /// Every kind, in the order in which those that are configured are asked.
    pub fn all() -> impl Iterator<Item = Self> {
        FACTS.iter().map(|facts| facts.kind)
    }

    /// The kind of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let facts = FACTS.iter().find(|facts| facts.names.contains(&name))?;
        Some(facts.kind)
    }

    /// The name in capabilities and variables.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.facts().names[0]
    }

    /// The name in failures.
    #[must_use]
    pub fn endpoint(self) -> &'static str {
        self.facts().endpoint
    }

    fn facts(self) -> &'static Facts {
        let facts = FACTS.iter().find(|facts| facts.kind == self);
        facts.unwrap_or(&FACTS[0])
    }
}

/// A client's choice of the provider that reads a job's photos.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VisionChoice {
    /// Any provider that is configured.
    #[default]
    Any,
    /// No provider: only barcodes are read.
    Barcode,
    /// The given provider, if it is configured.
    Kind(VisionKind),
}

impl VisionChoice {
    /// Reads a name; an unknown one is [`Self::Any`].
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        match VisionKind::of_name(name) {
            Some(kind) => Self::Kind(kind),
            None if name == "barcode" => Self::Barcode,
            None => Self::Any,
        }
    }

    /// The name; empty for [`Self::Any`].
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "",
            Self::Barcode => "barcode",
            Self::Kind(kind) => kind.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_has_a_name_of_its_own() {
        for kind in VisionKind::all() {
            assert_eq!(VisionKind::of_name(kind.name()), Some(kind));
            assert_eq!(VisionChoice::of_name(kind.name()).name(), kind.name());
        }
        assert_eq!(
            VisionChoice::of_name("gemini-flash"),
            VisionChoice::Kind(VisionKind::Gemini)
        );
        assert_eq!(VisionChoice::of_name("barcode"), VisionChoice::Barcode);
        for unknown in ["", "Gemini", "mars"] {
            assert_eq!(VisionChoice::of_name(unknown), VisionChoice::Any);
        }
    }
}
