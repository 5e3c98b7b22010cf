//! Reads a struct with its `#[message(…)]` and writes the implementation.

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Data, DeriveInput, Error, Fields, LitInt, LitStr, Path, Result};

/// The arguments of a struct's `#[message(…)]`.
#[derive(Default)]
struct Declared {
    kind: Option<LitStr>,
    version: Option<u32>,
    upcast: Option<Path>,
}

/// Returns the implementation of `Message` for this struct.
///
/// # Errors
/// The struct or its attributes contain a mistake; the error has its place.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let fields = match &input.data {
        Data::Struct(data) => &data.fields,
        Data::Enum(_) | Data::Union(_) => {
            return Err(Error::new_spanned(
                &input.ident,
                "a message must be a struct; `tidegate::messages!` makes a set of messages",
            ));
        }
    };
    refuse_attributes_of(fields)?;
    if let Some(parameter) = input.generics.params.first() {
        return Err(Error::new_spanned(
            parameter,
            "a message must not have generic parameters: its type and version stand for one content",
        ));
    }
    let Declared { kind, version, upcast } = declared(&input.attrs)?;
    let ident = &input.ident;
    let kind = kind.unwrap_or_else(|| LitStr::new(&unraw(&ident.to_string()), ident.span()));
    let version = version.unwrap_or(1);
    let upcast = upcast.map(|path| {
        quote! {
            fn upcast(
                version: u32,
                data: ::tidegate::serde_json::Value,
            ) -> ::core::result::Result<::tidegate::serde_json::Value, ::tidegate::failure::Failure> {
                #path(version, data)
            }
        }
    });
    Ok(quote! {
        #[automatically_derived]
        impl ::tidegate::message::Message for #ident {
            const TYPE: &'static str = #kind;
            const VERSION: u32 = #version;
            #upcast
        }
    })
}

fn declared(attributes: &[Attribute]) -> Result<Declared> {
    let mut declared = Declared::default();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("message")) {
        attribute.parse_nested_meta(|meta| declared.read(&meta))?;
    }
    Ok(declared)
}

impl Declared {
    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("type") {
            let kind: LitStr = meta.value()?.parse()?;
            if kind.value().is_empty() {
                return Err(Error::new_spanned(kind, "the type of a message must not be empty"));
            }
            once(meta, &mut self.kind, kind)
        } else if meta.path.is_ident("version") {
            let digits: LitInt = meta.value()?.parse()?;
            let version: u32 = digits.base10_parse()?;
            if version == 0 {
                return Err(Error::new_spanned(
                    digits,
                    "the version of a message must be at least 1",
                ));
            }
            once(meta, &mut self.version, version)
        } else if meta.path.is_ident("upcast") {
            let path = meta.value()?.parse()?;
            once(meta, &mut self.upcast, path)
        } else {
            Err(meta.error("expected `type`, `version` or `upcast`"))
        }
    }
}

fn once<T>(meta: &ParseNestedMeta<'_>, slot: &mut Option<T>, value: T) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(meta.error("each argument may be given only once")),
    }
}

fn refuse_attributes_of(fields: &Fields) -> Result<()> {
    let of_fields = fields.iter().flat_map(|field| &field.attrs);
    match of_fields.into_iter().find(|attribute| attribute.path().is_ident("message")) {
        Some(attribute) => {
            Err(Error::new_spanned(attribute, "`message` belongs to the struct, not to a field"))
        }
        None => Ok(()),
    }
}

/// Returns the name of an identifier: `type` for `r#type`.
fn unraw(name: &str) -> String {
    name.strip_prefix("r#").unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(code: &str) -> Result<String> {
        let tokens = expand(&syn::parse_str(code)?)?;
        Ok(tokens.to_string())
    }

    #[test]
    fn a_struct_without_attributes_has_its_name_as_type_and_version_1() {
        let code = expanded("struct OrderPlaced { order: String }").unwrap();
        assert!(code.contains("Message for OrderPlaced"), "{code}");
        assert!(
            code.contains("TYPE : & 'static str = \"OrderPlaced\" ; const VERSION : u32 = 1u32"),
            "{code}"
        );
        assert!(!code.contains("fn upcast"), "{code}");
    }

    #[test]
    fn attributes_say_type_version_and_upcast() {
        let code = expanded(
            r#"#[message(type = "order.placed", version = 3)] #[message(upcast = older::upcast)] struct Placed;"#,
        );
        let code = code.unwrap();
        assert!(code.contains("\"order.placed\" ; const VERSION : u32 = 3u32"), "{code}");
        assert!(code.contains("older :: upcast (version , data)"), "{code}");
    }

    #[test]
    fn each_mistake_is_said() {
        for (code, said) in [
            ("enum Order { Placed }", "a message must be a struct"),
            ("union Order { placed: u32 }", "a message must be a struct"),
            ("struct Placed<T> { order: T }", "a message must not have generic parameters"),
            ("#[message(version = 0)] struct Placed;", "must be at least 1"),
            ("#[message(version = 5000000000)] struct Placed;", "too large"),
            (r#"#[message(version = "2")] struct Placed;"#, "expected integer literal"),
            (r#"#[message(type = "")] struct Placed;"#, "must not be empty"),
            ("#[message(kind = 1)] struct Placed;", "expected `type`, `version` or `upcast`"),
            ("#[message(version = 1, version = 2)] struct Placed;", "may be given only once"),
            ("struct Placed { #[message(version = 2)] order: String }", "not to a field"),
        ] {
            let error = expanded(code).unwrap_err().to_string();
            assert!(error.contains(said), "{code}: {error}");
        }
    }
}
