//! Causes of the stages of a command.

use crate::ids::Cause;

/// Returns the cause of the stage with this number, counted from 1, if it is not the last.
///
/// For example, the second of three stages of the command `c` has the cause `c/2`. The third has
/// the command's own.
pub(super) fn cause_of(command: &Cause, stage: usize) -> Cause {
    Cause::new(command.source.as_str(), format!("{}/{stage}", command.id))
}

/// Returns the cause of the command of which this may be an earlier stage.
///
/// That is not certain: the id of a command may look like that of a stage.
#[cfg(any(test, feature = "timeline"))]
pub(crate) fn command_of(stage: &Cause) -> Option<Cause> {
    let (command, number) = stage.id.rsplit_once('/')?;
    let command = Cause::new(stage.source.as_str(), command);
    let number = number.parse().ok().filter(|number| *number > 0)?;
    (cause_of(&command, number) == *stage).then_some(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_leads_back_to_its_command_and_other_ids_lead_nowhere() {
        let command = Cause::new("shop", "c/d");
        for number in [1, 12] {
            assert_eq!(command_of(&cause_of(&command, number)), Some(command.clone()));
        }
        for id in ["c", "c/", "c/0", "c/01", "c/+1", "c/-1", "c/1x", "c/99999999999999999999"] {
            assert_eq!(command_of(&Cause::new("shop", id)), None, "{id}");
        }
    }
}
