//! The contract's closed lists of words, as schemas. They are read from the domain, so they cannot
//! differ from it.

use std::borrow::Cow;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::{kinds, opt_out, status};

macro_rules! words {
    ($($(#[doc = $doc:literal])* $name:ident = $set:ty, $schema:literal;)+) => {$(
        $(#[doc = $doc])*
        #[derive(Debug)]
        pub(super) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(SchemaType::Type(Type::String))
                    .description(Some([$($doc),*].concat().trim()))
                    .enum_values(Some(<$set>::ALL.iter().map(|word| word.as_str())))
                    .into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                $schema.into()
            }
        }
    )+};
}

words! {
    /// Which law applies: there is an important letter in the digital mailbox, or a message of its
    /// own worth.
    ClassWord = kinds::Class, "Class";
    /// In which order work is done.
    LaneWord = kinds::Lane, "Lane";
    /// How somebody is reached.
    ChannelWord = kinds::Channel, "Channel";
    /// Which channels a job may use, and which first.
    ChannelRuleWord = kinds::ChannelRule, "ChannelRule";
    /// A language that the register knows.
    LanguageWord = kinds::Language, "Language";
    /// When sending is allowed.
    WindowWord = kinds::Window, "Window";
    /// What to do when nobody can know whether a try arrived.
    IfUncertainWord = kinds::IfUncertain, "IfUncertain";
    /// What an entry of the opt-out list is about.
    OptOutKindWord = opt_out::OptOutKind, "OptOutKind";
    /// Where a notification stands. All but `accepted`, `waiting` and `sending` are settled.
    StatusWord = status::Status, "Status";
    /// Why.
    ReasonWord = status::Reason, "Reason";
}
