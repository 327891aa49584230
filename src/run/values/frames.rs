//! The names that each frame of a program sees.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Written, local};
use crate::engine::Engine;
use crate::engine::program::{Frame, Kind, Role};
use crate::expression::{Scope, Seen, SeenStep, identifier};
use crate::model::call::Hidden;
use crate::model::flow::Included;
use crate::model::status::StepState;

/// All frames, by their place in the program, and which frame a step stands in.
pub(super) struct Frames {
    written: Written,
    names: Vec<Names>,
    places: HashMap<String, usize>,
    run: BTreeMap<String, String>,
    window: BTreeMap<String, String>,
}

/// What a frame knows.
enum Names {
    /// The runbook, or one that it includes.
    Whole { scope: Scope, included: Option<Arc<Included>> },
    /// An item of a loop.
    Item { outer: usize, name: String, value: serde_json::Value, steps: Arc<BTreeMap<String, Seen>> },
}

impl Frames {
    pub(super) fn new(written: Written, scope: Scope) -> Self {
        let mut scope = scope;
        for step in written.runbook.leaves() {
            scope.set_unknown(local_of(&step.id));
        }
        for name in written.runbook.steps_by_name().keys() {
            scope.set_unknown(local_of(name));
        }
        let frames = vec![Names::Whole { scope, included: None }];
        Self { written, names: frames, places: HashMap::new(), run: BTreeMap::new(), window: BTreeMap::new() }
    }

    pub(super) fn set_run(&mut self, name: &str, value: &str) {
        self.run.insert(name.to_owned(), value.to_owned());
        for frame in &mut self.names {
            if let Names::Whole { scope, .. } = frame {
                scope.set_run(name, value);
            }
        }
    }

    /// The window is that of the whole run: an included runbook sees the same.
    pub(super) fn set_window(&mut self, name: &str, value: &str) {
        self.window.insert(name.to_owned(), value.to_owned());
        for frame in &mut self.names {
            if let Names::Whole { scope, .. } = frame {
                scope.set_window(name, value);
            }
        }
    }

    pub(super) fn set_secret(&mut self, frame: usize, name: &str, value: Hidden<String>) {
        if let Some(Names::Whole { scope, .. }) = self.names.get_mut(frame) {
            scope.set_secret(name, value);
        }
    }

    pub(super) fn known_secrets(&self) -> Vec<String> {
        let wholes = self.names.iter().filter_map(|frame| match frame {
            Names::Whole { scope, .. } => Some(scope.secrets()),
            Names::Item { .. } => None,
        });
        wholes.flatten().collect()
    }

    /// The frame of a step, or of what it belongs to.
    fn frame(&self, step: &str) -> usize {
        self.places.get(step).copied().unwrap_or(0)
    }

    /// The frame whose parameters, secrets and targets a step sees.
    pub(super) fn named_in(&self, step: &str) -> usize {
        let mut frame = self.frame(step);
        while let Names::Item { outer, .. } = &self.names[frame] {
            frame = *outer;
        }
        frame
    }

    pub(super) fn included(&self, step: &str) -> Option<Arc<Included>> {
        match &self.names[self.named_in(step)] {
            Names::Whole { included, .. } => included.clone(),
            Names::Item { .. } => None,
        }
    }

    pub(super) fn scope(&self, step: &str) -> Scope {
        self.scope_of(self.frame(step))
    }

    fn scope_of(&self, frame: usize) -> Scope {
        match &self.names[frame] {
            Names::Whole { scope, .. } => scope.clone(),
            Names::Item { outer, name, value, steps } => {
                self.scope_of(*outer).within(name, value.clone(), Arc::clone(steps))
            }
        }
    }

    /// Takes in the frames and places that a program has grown.
    pub(super) fn grow(&mut self, engine: &Engine) {
        let program = &engine.program;
        for frame in &program.frames[self.names.len()..] {
            let names = match *frame {
                Frame::Root => continue,
                Frame::Item { outer, of, item } => self.item(engine, outer, of, item),
                Frame::Include { of, .. } => self.include(engine, of),
            };
            self.names.push(names);
        }
        for block in program.blocks.iter().filter(|block| !block.name.is_empty()) {
            self.places.insert(block.name.clone(), block.frame);
        }
    }

    fn item(&self, engine: &Engine, outer: usize, of: usize, item: usize) -> Names {
        let name = self.written.items.get(crate::model::parts::written(&engine.program.blocks[of].name));
        let value = engine.state.blocks[of].items.get(item).map(|item| item.value.clone()).unwrap_or_default();
        let mut steps = BTreeMap::new();
        if let Kind::Loop(each) = &engine.program.blocks[of].kind {
            let within = each.known.get(item).map(|block| engine.program.blocks_within(*block)).unwrap_or_default();
            let names = within.into_iter().map(|block| &engine.program.blocks[block].name);
            steps.extend(names.filter(|name| !name.is_empty()).map(|name| (identifier(local(name)), Seen::Unknown)));
        }
        let name = name.cloned().unwrap_or_else(|| "item".to_owned());
        Names::Item { outer, name, value, steps: Arc::new(steps) }
    }

    fn include(&self, engine: &Engine, of: usize) -> Names {
        let block = &engine.program.blocks[of];
        let included = self.written.included.get(crate::model::parts::written(&block.name)).cloned();
        let vars = included.as_ref().map(|included| included.vars.clone()).unwrap_or_default();
        let mut scope = Scope::new(&engine.state.blocks[of].parameters, &vars);
        for (name, value) in &self.run {
            scope.set_run(name, value);
        }
        for (name, value) in &self.window {
            scope.set_window(name, value);
        }
        for index in engine.program.steps_within(of) {
            scope.set_unknown(local(&engine.program.steps[index].name));
        }
        Names::Whole { scope, included }
    }

    /// A loop has its items, or an included runbook its parameters.
    pub(super) fn entered(&mut self, engine: &Engine, step: &str) {
        for (place, frame) in engine.program.frames.iter().enumerate() {
            let (Frame::Include { of, .. } | Frame::Item { of, .. }) = *frame else { continue };
            if engine.program.blocks[of].name != step {
                continue;
            }
            let fold = &engine.state.blocks[of];
            match (frame, &mut self.names[place]) {
                (Frame::Item { item, .. }, Names::Item { value, .. }) => {
                    *value = fold.items.get(*item).map(|item| item.value.clone()).unwrap_or_default();
                }
                (_, Names::Whole { scope, .. }) => scope.set_parameters(&fold.parameters),
                _ => {}
            }
        }
    }

    /// A loop, or an included runbook, was left out with everything in it.
    pub(super) fn skipped(&mut self, engine: &Engine, step: &str) {
        let frame = self.frame(step);
        self.set(frame, local(step), Seen::Absent);
        for block in engine.program.blocks_named(step) {
            if let Kind::Loop(each) = &engine.program.blocks[*block].kind {
                let names = each.body.names();
                for name in names {
                    self.set(frame, local(name), Seen::Absent);
                }
            }
        }
    }

    /// Takes in a step that has an end.
    pub(super) fn refresh(&mut self, engine: &Engine, index: usize) {
        let (node, fold) = (&engine.program.steps[index], &engine.state.steps[index]);
        let state = fold.shown();
        if node.role == Role::Hook || matches!(state, StepState::Pending | StepState::Started) {
            return;
        }
        let Some(block) = engine.program.block_of(index) else { return };
        let frame = engine.program.blocks[block].frame;
        // Absent where it was skipped, so that `is defined` and `default` can ask for it.
        let seen = if state == StepState::Skipped {
            Seen::Absent
        } else {
            Seen::Step(Arc::new(SeenStep {
                result: fold.result.clone().unwrap_or_default(),
                state: state.as_str().to_owned(),
                started: fold.started.clone(),
                finished: fold.finished.clone(),
                ..SeenStep::default()
            }))
        };
        let name = local(&node.name).to_owned();
        self.set(frame, &name, seen);
        self.tell_outwards(engine, frame, name);
    }

    /// Tells what a frame knows of a step to the frames around it.
    fn tell_outwards(&mut self, engine: &Engine, frame: usize, name: String) {
        let (mut frame, mut name) = (frame, name);
        loop {
            let (outer, seen) = match engine.program.frames[frame] {
                Frame::Root => return,
                Frame::Item { outer, of, .. } => (outer, self.of_all_items(engine, of, &name)),
                Frame::Include { outer, of } => {
                    let members = match &self.names[frame] {
                        Names::Whole { scope, .. } => scope.steps().clone(),
                        Names::Item { .. } => BTreeMap::new(),
                    };
                    local(&engine.program.blocks[of].name).clone_into(&mut name);
                    (outer, SeenStep { members, ..SeenStep::default() })
                }
            };
            self.set(outer, &name, Seen::Step(Arc::new(seen)));
            frame = outer;
        }
    }

    /// A step of a loop as it is seen from outside: item by item, as far as they have come.
    fn of_all_items(&self, engine: &Engine, of: usize, name: &str) -> SeenStep {
        let mut items = Vec::new();
        let now = match &engine.program.blocks[of].kind {
            Kind::Loop(each) => each.batches.iter().flat_map(|batch| batch.1.iter().copied()).collect(),
            _ => Vec::new(),
        };
        for block in now {
            let frame = engine.program.blocks[block].frame;
            let Names::Item { value, steps, .. } = &self.names[frame] else { continue };
            if let Some(Seen::Step(step)) = steps.get(&identifier(name)) {
                items.push((value.clone(), Arc::clone(step)));
            }
        }
        SeenStep { items: Some(items), ..SeenStep::default() }
    }

    fn set(&mut self, frame: usize, name: &str, seen: Seen) {
        match (&mut self.names[frame], seen) {
            (Names::Whole { scope, .. }, Seen::Step(step)) => scope.set_step(name, step),
            (Names::Whole { scope, .. }, Seen::Absent) => scope.forget(name),
            (Names::Whole { scope, .. }, Seen::Unknown) => scope.set_unknown(name),
            (Names::Item { steps, .. }, seen) => {
                Arc::make_mut(steps).insert(identifier(name), seen);
            }
        }
    }
}

/// The name of a step in the runbook itself.
fn local_of(name: &str) -> &str {
    name.split_once('/').map_or(name, |(group, _)| group)
}
