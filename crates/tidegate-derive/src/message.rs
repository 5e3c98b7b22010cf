//! Reads a struct with its `#[message(…)]` and writes the implementation.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Fields, LitInt, LitStr, Path, Result};

/// The arguments of a struct's `#[message(…)]`.
#[derive(Default)]
struct Declared {
    kind: Option<LitStr>,
    version: Option<Version>,
    from: Option<Path>,
    oldest: Option<Span>,
}

/// A version with its place.
struct Version {
    number: u32,
    digits: LitInt,
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
    let declared = declared(&input.attrs)?;
    let before = declared.before()?;
    let ident = &input.ident;
    let kind = declared.kind;
    let kind = kind.unwrap_or_else(|| LitStr::new(&unraw(&ident.to_string()), ident.span()));
    let version = declared.version.map_or(1, |version| version.number);
    let chain = before.as_ref().map(upcasts);
    let checks = before.as_ref().map(|before| checks(before, &kind, version));
    Ok(quote! {
        #[automatically_derived]
        impl ::tidegate::message::Message for #ident {
            const TYPE: &'static str = #kind;
            const VERSION: u32 = #version;
            #chain
        }
        #checks
    })
}

/// Returns the methods that read older versions through the type `before`.
fn upcasts(before: &Path) -> TokenStream {
    quote_spanned! {before.span()=>
        fn upcast(
            version: u32,
            data: ::tidegate::serde_json::Value,
        ) -> ::core::result::Result<::tidegate::serde_json::Value, ::tidegate::failure::Failure> {
            ::tidegate::message::previous::upcast::<#before, Self>(version, data)
        }

        fn decode(
            version: u32,
            data: &str,
        ) -> ::core::result::Result<Self, ::tidegate::failure::Failure> {
            ::tidegate::message::previous::decode::<#before, Self>(version, data)
        }
    }
}

/// Returns assertions that `before` is the version before `version` of the same type.
fn checks(before: &Path, kind: &LitStr, version: u32) -> TokenStream {
    let (name, older, kind_text) = (written(before), version.saturating_sub(1), kind.value());
    let same = format!(
        "`{name}` has another message type than the version after it: write \
         `#[message(type = {kind_text:?}, version = {older})]` on `{name}`"
    );
    let next = format!(
        "version {version} of `{kind_text}` is made from version {older}: `{name}` must have \
         `version = {older}`"
    );
    quote_spanned! {before.span()=>
        const _: () = {
            ::core::assert!(
                ::tidegate::message::previous::is_same(
                    <#before as ::tidegate::message::Message>::TYPE,
                    #kind
                ),
                #same
            );
            ::core::assert!(
                <#before as ::tidegate::message::Message>::VERSION == #older,
                #next
            );
        };
    }
}

/// Returns a path as it is written, without spaces.
fn written(path: &Path) -> String {
    path.to_token_stream().to_string().replace(' ', "")
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
            let number: u32 = digits.base10_parse()?;
            if number == 0 {
                return Err(Error::new_spanned(
                    digits,
                    "the version of a message must be at least 1",
                ));
            }
            once(meta, &mut self.version, Version { number, digits })
        } else if meta.path.is_ident("from") {
            let path = meta.value()?.parse()?;
            once(meta, &mut self.from, path)
        } else if meta.path.is_ident("oldest") {
            once(meta, &mut self.oldest, meta.path.span())
        } else {
            Err(meta.error("expected `type`, `version`, `from` or `oldest`"))
        }
    }

    /// Returns the type of the version before. `None`: no older version can be read.
    fn before(&self) -> Result<Option<Path>> {
        let number = self.version.as_ref().map_or(1, |version| version.number);
        match (&self.version, &self.from, self.oldest) {
            (_, Some(from), _) if number == 1 => Err(Error::new_spanned(
                from,
                "version 1 has no version before it; write `version = 2` beside `from`, or remove `from`",
            )),
            (_, Some(_), Some(oldest)) => {
                Err(Error::new(oldest, "`from` names an older version, so this is not the oldest"))
            }
            (_, Some(from), None) => Ok(Some(from.clone())),
            (Some(version), None, None) if number > 1 => Err(Error::new_spanned(
                &version.digits,
                format!(
                    "content of version {older} must stay readable: write `from = TYPE`, where TYPE is \
                     the message as it was in version {older}, or `oldest` if no older content exists",
                    older = number - 1
                ),
            )),
            _ => Ok(None),
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
    fn attributes_say_type_version_and_the_version_before() {
        let code = expanded(
            r#"#[message(type = "order.placed", version = 3)] #[message(from = older::Placed)] struct Placed;"#,
        );
        let code = code.unwrap();
        assert!(code.contains("\"order.placed\" ; const VERSION : u32 = 3u32"), "{code}");
        assert!(code.contains("upcast :: < older :: Placed , Self > (version , data)"), "{code}");
        assert!(code.contains("decode :: < older :: Placed , Self > (version , data)"), "{code}");
        assert!(
            code.contains(
                "older :: Placed as :: tidegate :: message :: Message > :: VERSION == 2u32"
            ),
            "{code}"
        );
        assert!(code.contains("`older::Placed` must have `version = 2`"), "{code}");
    }

    #[test]
    fn the_oldest_version_has_no_version_before() {
        let code = expanded("#[message(version = 3, oldest)] struct Placed;").unwrap();
        assert!(code.contains("VERSION : u32 = 3u32"), "{code}");
        assert!(!code.contains("previous"), "{code}");
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
            (
                "#[message(kind = 1)] struct Placed;",
                "expected `type`, `version`, `from` or `oldest`",
            ),
            ("#[message(version = 2)] struct Placed;", "content of version 1 must stay readable"),
            ("#[message(version = 2)] struct Placed;", "write `from = TYPE`"),
            ("#[message(from = Old)] struct Placed;", "version 1 has no version before it"),
            ("#[message(version = 2, from = Old, oldest)] struct Placed;", "not the oldest"),
            ("#[message(version = 2, from = Old, from = Old)] struct Placed;", "only once"),
            (r#"#[message(version = 2, from = "Old")] struct Placed;"#, "expected identifier"),
            ("#[message(version = 1, version = 2)] struct Placed;", "may be given only once"),
            ("struct Placed { #[message(version = 2)] order: String }", "not to a field"),
        ] {
            let error = expanded(code).unwrap_err().to_string();
            assert!(error.contains(said), "{code}: {error}");
        }
    }
}
