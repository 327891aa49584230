//! Questions, their answers, and what people ask for by themselves.

use super::{Applied, allowed};
use crate::engine::Engine;
use crate::engine::state::{Decided, Standing};
use crate::model::event::Event;
use crate::model::question::{Choice, OpenQuestion, Question};

impl Engine {
    pub(super) fn question_asked(&mut self, event: &Event) -> Applied {
        let Event::QuestionAsked { step, question, text, choices, until } = event else {
            return Ok(());
        };
        allowed(self.program.has(step), "the runbook has no such step")?;
        allowed(self.state.question.is_none(), "another question is open")?;
        allowed(self.state.ended.is_none(), "the run has ended")?;
        let undo = self.program.index(step).map(|index| &self.state.steps[index].undo);
        let undo = undo.filter(|undo| undo.is_by_person()).map(|undo| undo.part);
        self.state.question = Some(OpenQuestion {
            undo,
            step: step.clone(),
            question: *question,
            text: text.clone(),
            choices: choices.clone(),
            until: until.clone(),
            answers: Vec::new(),
        });
        Ok(())
    }

    pub(super) fn decision_made(&mut self, event: &Event) -> Applied {
        let Event::DecisionMade { step, choice, by, reason, values } = event else {
            return Ok(());
        };
        let open = self.state.question.take_if(|open| open.step == *step && open.choices.contains(choice));
        let Some(open) = open else {
            return Err("no open question has that answer".to_owned());
        };
        let index = self.program.index(step);
        match (open.question, index) {
            (Question::Canary | Question::Watch, _) | (Question::Failure, None) => self.block_answered(step, *choice),
            (Question::Failure, Some(index)) => {
                let fold = &mut self.state.steps[index];
                match choice {
                    Choice::Retry => fold.granted += 1,
                    Choice::Skip => fold.passed_over = true,
                    _ => fold.verdict = Some(*choice),
                }
            }
            (_, Some(step)) => {
                let (by, reason, values) = (by.clone(), reason.clone(), values.clone());
                self.state.decision = Some(Decided { step, choice: *choice, by, reason, values });
            }
            (_, None) => {}
        }
        Ok(())
    }

    pub(super) fn skip_requested(&mut self, step: &str, by: &str, reason: &str) -> Applied {
        let index = self.known(step)?;
        allowed(self.state.ended.is_none_or(|ended| !ended.is_for_good()), "the run has ended")?;
        allowed(!self.state.is_going_back(), "the run is rolling back")?;
        let fold = &mut self.state.steps[index];
        allowed(fold.state == Standing::Pending && fold.attempts == 0, "it has begun")?;
        allowed(fold.skip.is_none(), "it is to be left out already")?;
        fold.skip = Some(format!("left out by {by}: {reason}"));
        Ok(())
    }

    pub(super) fn request_withdrawn(&mut self, step: Option<&str>) -> Applied {
        let Some(step) = step else {
            allowed(self.state.ended.is_none(), "the run has ended")?;
            allowed(self.state.stopping, "nobody asked to stop")?;
            self.state.stopping = false;
            self.state.stopped = None;
            return Ok(());
        };
        let index = self.known(step)?;
        let fold = &mut self.state.steps[index];
        allowed(fold.skip.is_some() && fold.state == Standing::Pending, "it is not to be left out")?;
        fold.skip = None;
        Ok(())
    }
}
