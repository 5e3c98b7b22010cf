//! Checks that the `match` of a process names every state and every input.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprMatch, FnArg, Ident, ImplItemFn, Pat, Path, Result, Stmt, UnOp};

/// Returns the function as it was, and the list of the pairs that its arms place.
///
/// # Errors
/// An arm does not name its state and its input; the error has its place.
pub(crate) fn expand(function: &ImplItemFn) -> Result<TokenStream> {
    let places = body(function)?;
    let parameters: Vec<&Ident> = function.sig.inputs.iter().filter_map(parameter).collect();
    let [state, input, ..] = parameters.as_slice() else {
        return Err(Error::new_spanned(
            &function.sig,
            "expected `fn react(state: &State, input: &Input, now: Timestamp)`",
        ));
    };
    scrutinee(places, state, input)?;
    let mut pairs: Vec<(String, String)> = Vec::new();
    for arm in &places.arms {
        for pair in pairs_of(&arm.pat)? {
            if !pairs.contains(&pair) {
                pairs.push(pair);
            }
        }
    }
    let pairs = pairs.iter().map(|(state, input)| quote!((#state, #input)));
    Ok(quote! {
        #function
        const TOTAL: ::tidegate::process::Total =
            ::tidegate::process::Total::checked(&[#(#pairs),*]);
    })
}

/// Returns the `match` that the function ends in.
fn body(function: &ImplItemFn) -> Result<&ExprMatch> {
    let (last, before) = match function.block.stmts.split_last() {
        Some((Stmt::Expr(Expr::Match(places), None), before)) => (places, before),
        Some((other, _)) => {
            return Err(Error::new_spanned(
                other,
                "the function must end in `match (state, input) { … }`",
            ));
        }
        None => {
            return Err(Error::new_spanned(
                &function.block,
                "the function must end in `match (state, input) { … }`",
            ));
        }
    };
    for statement in before {
        match statement {
            Stmt::Item(_) => {}
            Stmt::Local(local) => refuse_return(local.to_token_stream())?,
            other => {
                return Err(Error::new_spanned(
                    other,
                    "only `let` and `use` may stand before the `match`: it decides every pair",
                ));
            }
        }
    }
    Ok(last)
}

/// Refuses a way out that goes past the `match`.
fn refuse_return(tokens: TokenStream) -> Result<()> {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) if ident == "return" => {
                return Err(Error::new(
                    ident.span(),
                    "`return` before the `match` would leave pairs out: decide in an arm",
                ));
            }
            TokenTree::Group(group) => refuse_return(group.stream())?,
            _ => {}
        }
    }
    Ok(())
}

fn parameter(argument: &FnArg) -> Option<&Ident> {
    match argument {
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(pattern) => Some(&pattern.ident),
            _ => None,
        },
        _ => None,
    }
}

/// Checks that the `match` is over the pair of both parameters.
fn scrutinee(places: &ExprMatch, state: &Ident, input: &Ident) -> Result<()> {
    let is = |expression: &Expr, parameter: &Ident| {
        let mut inner = expression;
        loop {
            inner = match inner {
                Expr::Reference(reference) => &reference.expr,
                Expr::Unary(unary) if matches!(unary.op, UnOp::Deref(_)) => &unary.expr,
                Expr::Paren(paren) => &paren.expr,
                Expr::Path(path) => return path.path.is_ident(parameter),
                _ => return false,
            };
        }
    };
    if let Expr::Tuple(tuple) = &*places.expr
        && let [first, second] = tuple.elems.iter().collect::<Vec<_>>().as_slice()
        && is(first, state)
        && is(second, input)
    {
        return Ok(());
    }
    let said = format!("write `match ({state}, {input})`: each arm decides a pair");
    Err(Error::new_spanned(&places.expr, said))
}

/// Returns the pairs that the pattern of an arm names.
fn pairs_of(pattern: &Pat) -> Result<Vec<(String, String)>> {
    match pattern {
        Pat::Tuple(tuple) => {
            let sides: Vec<&Pat> = tuple.elems.iter().collect();
            let [state, input] = sides.as_slice() else {
                return Err(Error::new_spanned(tuple, "write `(STATE, INPUT)` and name both"));
            };
            let (states, inputs) = (names(state, "state")?, names(input, "input")?);
            let pair = |state: &String| {
                let state = state.clone();
                inputs.iter().map(move |input| (state.clone(), input.clone())).collect::<Vec<_>>()
            };
            Ok(states.iter().flat_map(pair).collect())
        }
        Pat::Or(or) => {
            let mut pairs = Vec::new();
            for case in &or.cases {
                pairs.extend(pairs_of(case)?);
            }
            Ok(pairs)
        }
        Pat::Paren(paren) => pairs_of(&paren.pat),
        Pat::Guard(guard) => pairs_of(&guard.pat),
        Pat::Wild(_) | Pat::Ident(_) => Err(Error::new_spanned(
            pattern,
            "this arm places every pair: a new state or input would go unnoticed. Name the pairs, \
             `(State::A | State::B, Input::C(_)) => …`",
        )),
        other => Err(Error::new_spanned(other, "write `(STATE, INPUT)` and name both")),
    }
}

/// Returns the variants that one side of a pair names.
fn names(pattern: &Pat, side: &str) -> Result<Vec<String>> {
    match pattern {
        Pat::Path(path) => Ok(vec![last(&path.path)?]),
        Pat::TupleStruct(variant) => Ok(vec![last(&variant.path)?]),
        Pat::Struct(variant) => Ok(vec![last(&variant.path)?]),
        Pat::Or(or) => {
            let mut all = Vec::new();
            for case in &or.cases {
                all.extend(names(case, side)?);
            }
            Ok(all)
        }
        Pat::Paren(paren) => names(&paren.pat, side),
        Pat::Reference(reference) => names(&reference.pat, side),
        Pat::Ident(binding) => match &binding.subpat {
            Some((_, named)) => names(named, side),
            None => Err(Error::new_spanned(
                binding,
                format!(
                    "`{name}` takes every {side}, so a new one would go unnoticed: name each, \
                     `{name} @ (Type::A | Type::B)`; a variant needs its type, `Type::{name}`",
                    name = binding.ident
                ),
            )),
        },
        Pat::Wild(_) | Pat::Rest(_) => Err(Error::new_spanned(
            pattern,
            format!(
                "this takes every {side}, so a new one would go unnoticed: name each, `Type::A | \
                 Type::B`"
            ),
        )),
        other => Err(Error::new(other.span(), format!("name a variant of the {side}"))),
    }
}

fn last(path: &Path) -> Result<String> {
    let segment = path.segments.last().map(|segment| segment.ident.to_string());
    let name = segment.ok_or_else(|| Error::new_spanned(path, "name a variant"))?;
    Ok(name.strip_prefix("r#").unwrap_or(&name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(body: &str) -> Result<String> {
        let code = format!("fn react(state: &S, input: &I, now: Timestamp) -> R {{ {body} }}");
        Ok(expand(&syn::parse_str(&code)?)?.to_string())
    }

    #[test]
    fn the_pairs_of_all_arms_are_listed_once() {
        let code = expanded(
            "use I as In; let day = 1;
             match (state, &*input) {
                 (S::A, In::X(x)) if x.y => 1,
                 (S::A, In::X(_)) => 2,
                 (S::B { .. } | S::C(_), In::X(_) | In::Y(_)) | (S::A, In::Y(_)) => 3,
             }",
        );
        let code = code.unwrap();
        let pairs = "& [(\"A\" , \"X\") , (\"B\" , \"X\") , (\"B\" , \"Y\") , (\"C\" , \"X\") , \
                     (\"C\" , \"Y\") , (\"A\" , \"Y\")]";
        assert!(code.contains(pairs), "{code}");
        assert!(code.contains("match (state , & * input)"), "the function is kept: {code}");
    }

    #[test]
    fn a_binding_of_named_variants_is_allowed() {
        let code = expanded("match (state, input) { (s @ (S::A | S::B), I::X(_)) => s }").unwrap();
        assert!(code.contains("(\"A\" , \"X\") , (\"B\" , \"X\")"), "{code}");
    }

    #[test]
    fn what_would_hide_a_new_state_or_input_is_refused() {
        for (body, said) in [
            ("match (state, input) { (S::A, I::X(_)) => 1, _ => 2 }", "places every pair"),
            ("match (state, input) { other => 2 }", "places every pair"),
            ("match (state, input) { (S::A, _) => 2 }", "this takes every input"),
            ("match (state, input) { (_, I::X(_)) => 2 }", "this takes every state"),
            ("match (state, input) { (S::A, other) => 2 }", "`other` takes every input"),
            ("match (state, input) { (A, I::X(_)) => 2 }", "`Type::A`"),
            ("match (state, input) { (S::A | _, I::X(_)) => 2 }", "this takes every state"),
            ("match (state, input) { (x @ _, I::X(_)) => 2 }", "this takes every state"),
            ("match (state, input) { (S::A, ..) => 2 }", "this takes every input"),
            ("match (state, input) { (..) => 2 }", "name both"),
            ("match (state, input) { (S::A, I::X(_)) | (_, I::Y(_)) => 2 }", "every state"),
            ("match (state, input) { pairs!() => 2 }", "name both"),
            ("match (input, state) { (S::A, I::X(_)) => 2 }", "write `match (state, input)`"),
            ("match state { S::A => 2 }", "write `match (state, input)`"),
            ("if true { 1 } else { 2 }", "must end in `match (state, input)"),
            ("match (state, input) { (S::A, I::X(_)) => 2 };", "must end in `match (state, input)"),
            ("", "must end in `match (state, input)"),
            ("if x { return 1; } match (state, input) { (S::A, I::X(_)) => 2 }", "only `let`"),
            (
                "let y = if x { return 1 } else { 2 }; match (state, input) { (S::A, I::X(_)) => y }",
                "`return` before the `match`",
            ),
        ] {
            let error = expanded(body).unwrap_err().to_string();
            assert!(error.contains(said), "{body}: {error}");
        }
    }
}
