//! Reads an enum with its `#[state(…)]` and writes the implementation of `State`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DataEnum, DeriveInput, Error, Fields, Ident, LitInt, Path, Result};

/// The arguments of an enum's `#[state(…)]`.
#[derive(Default)]
struct Declared {
    version: Option<(u32, LitInt)>,
    from: Option<Path>,
    oldest: Option<Span>,
    reads: Option<(u32, LitInt)>,
}

/// The arguments of a variant's `#[state(…)]`.
#[derive(Default)]
struct Marks {
    start: Option<Span>,
    end: Option<Span>,
}

/// Returns the implementation of `State` for this enum, and of `Default` if a variant is the start.
///
/// # Errors
/// The enum or its attributes contain a mistake; the error has its place.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, "the states of a process must be an enum"));
    };
    if let Some(parameter) = input.generics.params.first() {
        return Err(Error::new_spanned(
            parameter,
            "the states of a process must not have generic parameters: they are stored as one type",
        ));
    }
    if data.variants.is_empty() {
        return Err(Error::new_spanned(&input.ident, "a process needs at least one state"));
    }
    let declared = declared(&input.attrs)?;
    let before = declared.before()?;
    let reads_newer = declared.reads()?.map(|reads| quote!(const READS: u32 = #reads;));
    let (start, ends) = marks(data)?;
    let ident = &input.ident;
    let variants: Vec<&Ident> = data.variants.iter().map(|variant| &variant.ident).collect();
    let names: Vec<String> = variants.iter().map(|variant| unraw(variant)).collect();
    let version = declared.version.map_or(1, |(number, _)| number);
    let chain = before.as_ref().map(reads);
    let check = before.as_ref().map(|before| check(before, ident, version));
    let default = start.map(|start| {
        quote! {
            #[automatically_derived]
            impl ::core::default::Default for #ident {
                fn default() -> Self {
                    Self::#start
                }
            }
        }
    });
    Ok(quote! {
        #[automatically_derived]
        impl ::tidegate::process::State for #ident {
            const VERSION: u32 = #version;
            #reads_newer
            const NAMES: &'static [&'static str] = &[#(#names),*];
            const ENDS: &'static [&'static str] = &[#(#ends),*];

            fn name(&self) -> &'static str {
                match self {
                    #(Self::#variants { .. } => #names),*
                }
            }

            #chain
        }
        #default
        #check
    })
}

/// Returns the method that reads older versions through the type `before`.
fn reads(before: &Path) -> TokenStream {
    quote_spanned! {before.span()=>
        fn decode(
            version: u32,
            data: &str,
        ) -> ::core::result::Result<Self, ::tidegate::failure::Failure> {
            ::tidegate::process::decode_from::<#before, Self>(version, data)
        }
    }
}

/// Returns an assertion that `before` is the version before `version`.
fn check(before: &Path, ident: &Ident, version: u32) -> TokenStream {
    let name = before.to_token_stream().to_string().replace(' ', "");
    let older = version.saturating_sub(1);
    let said = format!(
        "version {version} of `{ident}` is made from version {older}: `{name}` must have \
         `version = {older}`"
    );
    quote_spanned! {before.span()=>
        const _: () = ::core::assert!(
            <#before as ::tidegate::process::State>::VERSION == #older,
            #said
        );
    }
}

/// Returns the start, and the names of the end states.
fn marks(data: &DataEnum) -> Result<(Option<&Ident>, Vec<String>)> {
    let (mut start, mut ends) = (None, Vec::new());
    for variant in &data.variants {
        let mut of_fields = variant.fields.iter().flat_map(|field| state_attributes(&field.attrs));
        if let Some(attribute) = of_fields.next() {
            return Err(Error::new_spanned(
                attribute,
                "`state` belongs to the enum or to a variant, not to a field",
            ));
        }
        let mut marks = Marks::default();
        for attribute in state_attributes(&variant.attrs) {
            attribute.parse_nested_meta(|meta| marks.read(&meta))?;
        }
        if let Some(span) = marks.start {
            if !matches!(variant.fields, Fields::Unit) {
                return Err(Error::new(
                    span,
                    "the start must be a variant without fields: nothing is known yet. Or implement \
                     `Default` instead of `start`",
                ));
            }
            if start.replace(&variant.ident).is_some() {
                return Err(Error::new(span, "only one state can be the start"));
            }
        }
        if marks.end.is_some() {
            ends.push(unraw(&variant.ident));
        }
    }
    Ok((start, ends))
}

fn state_attributes(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("state"))
}

fn declared(attributes: &[Attribute]) -> Result<Declared> {
    let mut declared = Declared::default();
    for attribute in state_attributes(attributes) {
        attribute.parse_nested_meta(|meta| declared.read(&meta))?;
    }
    Ok(declared)
}

impl Marks {
    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("start") {
            once(meta, &mut self.start, meta.path.span())
        } else if meta.path.is_ident("end") {
            once(meta, &mut self.end, meta.path.span())
        } else {
            Err(meta.error("expected `start` or `end`"))
        }
    }
}

impl Declared {
    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("version") {
            let digits: LitInt = meta.value()?.parse()?;
            let number: u32 = digits.base10_parse()?;
            if number == 0 {
                return Err(Error::new_spanned(digits, "the version must be at least 1"));
            }
            once(meta, &mut self.version, (number, digits))
        } else if meta.path.is_ident("from") {
            let path = meta.value()?.parse()?;
            once(meta, &mut self.from, path)
        } else if meta.path.is_ident("oldest") {
            once(meta, &mut self.oldest, meta.path.span())
        } else if meta.path.is_ident("reads") {
            let digits: LitInt = meta.value()?.parse()?;
            once(meta, &mut self.reads, (digits.base10_parse()?, digits))
        } else {
            Err(meta.error("expected `version`, `from`, `oldest` or `reads`"))
        }
    }

    /// Returns the newest version that the type reads, if it is newer than its own.
    fn reads(&self) -> Result<Option<u32>> {
        let number = self.version.as_ref().map_or(1, |(number, _)| *number);
        match &self.reads {
            Some((reads, digits)) if *reads <= number => Err(Error::new_spanned(
                digits,
                format!(
                    "version {number} is what the type writes: `reads` is the newer version that \
                     it reads already"
                ),
            )),
            reads => Ok(reads.as_ref().map(|(reads, _)| *reads)),
        }
    }

    /// Returns the type of the version before. `None`: no older version can be read.
    fn before(&self) -> Result<Option<Path>> {
        let number = self.version.as_ref().map_or(1, |(number, _)| *number);
        match (&self.version, &self.from, self.oldest) {
            (_, Some(from), _) if number == 1 => Err(Error::new_spanned(
                from,
                "version 1 has no version before it; write `version = 2` beside `from`, or remove \
                 `from`",
            )),
            (_, Some(_), Some(oldest)) => {
                Err(Error::new(oldest, "`from` names an older version, so this is not the oldest"))
            }
            (_, Some(from), None) => Ok(Some(from.clone())),
            (Some((_, digits)), None, None) if number > 1 => Err(Error::new_spanned(
                digits,
                format!(
                    "states of version {older} must stay readable: write `from = TYPE`, where TYPE \
                     is the enum as it was in version {older}, or `oldest` if none are stored",
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

/// Returns the name of an identifier: `type` for `r#type`.
fn unraw(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(code: &str) -> Result<String> {
        let tokens = expand(&syn::parse_str(code)?)?;
        Ok(tokens.to_string())
    }

    #[test]
    fn a_state_has_names_an_end_and_a_start() {
        let code =
            "enum Trip { #[state(start)] New, Going { to: String }, #[state(end)] Done(u8) }";
        let code = expanded(code).unwrap();
        for part in [
            "State for Trip",
            "VERSION : u32 = 1u32",
            "& [\"New\" , \"Going\" , \"Done\"]",
            "ENDS : & 'static [& 'static str] = & [\"Done\"]",
            "Self :: Going { .. } => \"Going\"",
            "fn default () -> Self { Self :: New }",
        ] {
            assert!(code.contains(part), "{part}: {code}");
        }
        assert!(!code.contains("fn decode"), "{code}");
    }

    #[test]
    fn a_newer_version_is_read_from_the_one_before() {
        let code = "#[state(version = 2, from = old::Trip)] enum Trip { #[state(start)] New }";
        let code = expanded(code).unwrap();
        assert!(code.contains("decode_from :: < old :: Trip , Self > (version , data)"), "{code}");
        assert!(code.contains("`old::Trip` must have `version = 1`"), "{code}");
        assert!(!code.contains("READS"), "{code}");
        let expand = expanded("#[state(reads = 2)] enum Trip { New }").unwrap();
        assert!(expand.contains("const READS : u32 = 2u32 ;"), "{expand}");
        let oldest = expanded("#[state(version = 2, oldest)] enum Trip { New }").unwrap();
        assert!(!oldest.contains("fn decode") && !oldest.contains("fn default"), "{oldest}");
    }

    #[test]
    fn each_mistake_is_said() {
        for (code, said) in [
            ("struct Trip;", "must be an enum"),
            ("enum Trip {}", "at least one state"),
            ("enum Trip<T> { New(T) }", "must not have generic parameters"),
            ("enum Trip { #[state(start)] New { to: u8 } }", "must be a variant without fields"),
            ("enum Trip { #[state(start)] A, #[state(start)] B }", "only one state"),
            ("enum Trip { #[state(begin)] A }", "expected `start` or `end`"),
            ("enum Trip { #[state(end, end)] A }", "only once"),
            ("enum Trip { A { #[state(end)] to: u8 } }", "not to a field"),
            ("#[state(end)] enum Trip { A }", "expected `version`, `from`, `oldest` or `reads`"),
            ("#[state(version = 2, oldest, reads = 2)] enum Trip { A }", "the newer version"),
            ("#[state(version = 0)] enum Trip { A }", "must be at least 1"),
            ("#[state(version = 2)] enum Trip { A }", "states of version 1 must stay readable"),
            ("#[state(from = Old)] enum Trip { A }", "version 1 has no version before it"),
            ("#[state(version = 2, from = Old, oldest)] enum Trip { A }", "not the oldest"),
            ("#[state(version = 2, version = 3)] enum Trip { A }", "only once"),
        ] {
            let error = expanded(code).unwrap_err().to_string();
            assert!(error.contains(said), "{code}: {error}");
        }
    }
}
