//! From a file to turns and expectations.

use std::sync::Arc;

use smtp_server::access::{AccessAction, AccessMaps, MemoryMap};
use smtp_server::relay::{Authenticated, LocalDomains, Networks};
use smtp_server::sasl::Passwords;
use smtp_server::{
    BareNewline, EvaluateAt, HeaderField, Networks as _Unused, RelayPolicyExt, Service, StageKind,
};
