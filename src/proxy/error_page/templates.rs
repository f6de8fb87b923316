//! The templates, compiled once. Values are escaped because the template names end in `.html` and `.xml`; a variable
//! that is missing from a context is an error, which the tests of each form would show.

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use std::sync::LazyLock;

/// A template of this folder.
#[derive(Clone, Copy)]
pub(super) enum Template {
    Page,
    Fault,
}

impl Template {
    const ALL: [Self; 2] = [Self::Page, Self::Fault];

    const fn name(self) -> &'static str {
        match self {
            Self::Page => "page.html",
            Self::Fault => "fault.xml",
        }
    }

    const fn source(self) -> &'static str {
        match self {
            Self::Page => include_str!("page.html"),
            Self::Fault => include_str!("fault.xml"),
        }
    }

    /// The template with the context's values in it.
    pub(super) fn render(self, context: impl Serialize) -> String {
        let template =
            ENVIRONMENT.get_template(self.name()).expect("the environment was made from all templates");
        template.render(Serde(context)).expect("the tests render this template with this type of context")
    }
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    for template in Template::ALL {
        let added = environment.add_template(template.name(), template.source());
        added.expect("the sources are constants, and the tests compile them");
    }
    environment
});
