//! Actors of the ledger: added with a role and a token, disabled.
//!
//! Always: their names are sealed; the reference is random; nobody disables themselves.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use intake::admit::Token;
use intake::resolve::Target;
use proto::ledger_facts;
use proto::{PersonValues, Personal, StaffReference};
use questions::Role;
use serde::Deserialize;
use serde_json::json;
use vault::{Row, StaffNameText};

use super::super::who::Caller;
use super::super::{App, Problem};
use super::{Body, Named, read, turn};
use crate::facts::governance;

/// A user to be added.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewUser {
    #[serde(default)]
    actor: Option<String>,
    role: String,
    #[serde(default)]
    name: Option<String>,
}

/// `POST /v1/admin/users`.
pub(in crate::http) async fn user_add(
    State(app): State<App>,
    caller: Caller,
    body: Body<NewUser>,
) -> Result<Response, Problem> {
    caller.governs()?;
    let new = read(body)?;
    let actor = match new.actor {
        Some(actor) => StaffReference::new(actor)
            .map_err(|cause| Problem::field("REFERENCE_SHAPE", "actor", cause.to_string()))?,
        None => StaffReference::from_random(ground::array(&*app.random)),
    };
    let role = Role::ALL.into_iter().find(|role| role.code() == new.role);
    let role = role.ok_or_else(|| {
        let roles: Vec<&str> = Role::ALL.iter().map(|role| role.code()).collect();
        Problem::field(
            "ROLE_UNKNOWN",
            "role",
            format!("one of {}", roles.join(", ")),
        )
    })?;
    if actor == caller.user.reference && role != caller.user.role {
        let rule = "nobody changes their own role; another DPO does";
        return Err(Problem::new(StatusCode::CONFLICT, "OWN_ROLE", rule));
    }
    let _turn = turn(&app, &caller).await?;
    let name = new.name.map(Personal::new);
    let person = PersonValues {
        name: name.as_ref().map(Personal::duplicate),
        ..PersonValues::default()
    };
    let token = Token::mint_user(&*app.random);
    let fact =
        ledger_facts::role_granted(governance(&caller.user), &actor, role.code(), "", &person);
    let mut rows = vec![Row::User {
        actor: actor.clone(),
        role: role.code().to_owned(),
        token_hash: token.hash().0,
        disabled: false,
    }];
    if let Some(name) = name {
        rows.push(Row::StaffName {
            actor: actor.clone(),
            name: StaffNameText(name),
        });
    }
    let index = app.facts.append(fact, Target::Office, rows).await?;
    let answer = json!({ "actor": actor.as_str(), "token": token.reveal(), "index": index.0 });
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// `POST /v1/admin/users/{actor}/disable`.
pub(in crate::http) async fn user_disable(
    State(app): State<App>,
    caller: Caller,
    Named(actor): Named<String>,
) -> Result<Response, Problem> {
    caller.governs()?;
    if caller.user.reference.as_str() == actor {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "OWN_ROLE",
            "nobody disables themselves; another DPO does",
        ));
    }
    let _turn = turn(&app, &caller).await?;
    let users = app.records.vault().users();
    let user = users
        .into_iter()
        .find(|user| user.actor.as_str() == actor && !user.disabled);
    let user = user.ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "USER_UNKNOWN",
            "no such user has a role",
        )
    })?;
    let fact = ledger_facts::role_revoked(
        governance(&caller.user),
        &user.actor,
        &user.role,
        "disabled",
    );
    let row = Row::User {
        actor: user.actor,
        role: user.role,
        token_hash: user.token_hash,
        disabled: true,
    };
    let index = app.facts.append(fact, Target::Office, vec![row]).await?;
    Ok(Json(json!({ "index": index.0 })).into_response())
}

/// `GET /v1/admin/users`.
pub(in crate::http) async fn user_list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Response, Problem> {
    caller.governs()?;
    let users = app.records.vault().users();
    let users: Vec<_> = users
        .iter()
        .map(|user| json!({ "actor": user.actor.as_str(), "role": user.role, "disabled": user.disabled }))
        .collect();
    Ok(Json(users).into_response())
}
