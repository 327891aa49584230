//! From shapes to the tree, at the start and when the items of a loop are known.

use std::collections::{BTreeMap, HashMap};

use super::{Block, BlockId, Frame, Guarded, Held, Kind, Looped, Program, Rounds};
use crate::engine::shape::Shape;
use crate::model::runbook::Hook;

/// Where a block is put.
#[derive(Clone, Copy)]
struct At {
    parent: Option<BlockId>,
    frame: usize,
}

impl Program {
    /// A program of shapes and of what its hooks do.
    #[must_use]
    pub fn new(shapes: Vec<Shape>, hooks: BTreeMap<Hook, Vec<Shape>>) -> Self {
        let mut program = Self {
            steps: Vec::new(),
            blocks: Vec::new(),
            frames: vec![Frame::Root],
            root: 0,
            hooks: BTreeMap::new(),
            names: HashMap::new(),
            places: HashMap::new(),
        };
        let top = At { parent: None, frame: 0 };
        program.root = program.list(shapes, top);
        for (hook, shapes) in hooks {
            let list = program.list(shapes, top);
            let steps = program.steps_within(list);
            program.hooks.insert(hook, steps);
        }
        program
    }

    /// Gives a loop its items by what they are called and by their places among all that it ever had: so many side by
    /// side, the first ones apart where a person is asked after them. What it had before keeps its place in the tree.
    pub fn give_items(&mut self, block: BlockId, labels: &[(&str, usize)], serial: u32) {
        let Kind::Loop(each) = &self.blocks[block].kind else { return };
        let (body, between, canary) = (each.body.clone(), each.between.clone(), each.canary);
        let (mut known, mut preceding) = (each.known.clone(), each.preceding.clone());
        let outer = self.blocks[block].frame;
        let mut batches = Vec::new();
        for batch in batches_of(labels.len(), serial, canary) {
            let label = labels[batch.start].0;
            let before = (batch.start > 0 && !between.is_empty()).then(|| {
                *preceding.entry(label.to_owned()).or_insert_with(|| {
                    let mut shapes = between.clone();
                    for shape in &mut shapes {
                        shape.of_item(label);
                    }
                    self.list(shapes, At { parent: Some(block), frame: outer })
                })
            });
            for (label, item) in &labels[batch.clone()] {
                if *item == known.len() {
                    let mut shape = body.clone();
                    shape.of_item(label);
                    self.frames.push(Frame::Item { outer, of: block, item: *item });
                    let frame = self.frames.len() - 1;
                    known.push(self.put(shape, At { parent: Some(block), frame }));
                }
            }
            batches.push((before, labels[batch].iter().map(|(_, item)| known[*item]).collect()));
        }
        if let Kind::Loop(each) = &mut self.blocks[block].kind {
            (each.known, each.preceding, each.batches) = (known, preceding, batches);
        }
    }

    fn list(&mut self, shapes: Vec<Shape>, at: At) -> BlockId {
        self.put(Shape::List(shapes), at)
    }

    fn all(&mut self, shapes: Vec<Shape>, at: At) -> Vec<BlockId> {
        shapes.into_iter().map(|shape| self.put(shape, at)).collect()
    }

    /// Takes a place in the tree, to be filled once what stands in it has its own.
    fn take(&mut self, name: String, at: At) -> (BlockId, At) {
        let block = self.blocks.len();
        if !name.is_empty() {
            self.places.entry(name.clone()).or_default().push(block);
        }
        self.blocks.push(Block { name, kind: Kind::List(Vec::new()), parent: at.parent, frame: at.frame });
        (block, At { parent: Some(block), frame: at.frame })
    }

    fn put(&mut self, shape: Shape, at: At) -> BlockId {
        let (block, within) = self.take(shape.name().to_owned(), at);
        let kind = match shape {
            Shape::Step { node, handler } => {
                let index = self.steps.len();
                self.names.insert(node.name.clone(), index);
                self.steps.push(*node);
                Kind::Step(index, (!handler.is_empty()).then(|| self.list(handler, within)))
            }
            Shape::List(members) => Kind::List(self.all(members, within)),
            Shape::Parallel { members, at_once } => {
                Kind::Parallel(self.all(members, within), usize::try_from(at_once).unwrap_or(usize::MAX))
            }
            Shape::Include { members, on_failure, .. } => {
                self.frames.push(Frame::Include { outer: at.frame, of: block });
                let frame = self.frames.len() - 1;
                Kind::Include(self.list(members, At { frame, ..within }), on_failure)
            }
            Shape::Loop { body, between, canary, max_failures, on_failure, .. } => Kind::Loop(Box::new(Looped {
                body: *body,
                between,
                canary,
                max_failures,
                on_failure,
                known: Vec::new(),
                preceding: BTreeMap::new(),
                batches: Vec::new(),
            })),
            Shape::Repeat { body, has_until, max, on_failure, .. } => {
                Kind::Repeat(self.put(*body, within), Rounds { has_until, max, on_failure })
            }
            Shape::Hold { acquire, members, release, release_on, retake, .. } => Kind::Hold(Held {
                acquire: self.list(acquire, within),
                inner: self.list(members, within),
                release: self.list(release, within),
                release_on,
                retake,
            }),
            Shape::Guard { body, limited, watches, on_failure, .. } => Kind::Guard(Guarded {
                inner: self.put(*body, within),
                limited,
                watches: watches.into_iter().map(|(trip, steps)| (trip, self.list(steps, within))).collect(),
                on_failure,
            }),
            Shape::Background { body, until_end, .. } => Kind::Background(self.put(*body, within), until_end),
        };
        self.blocks[block].kind = kind;
        block
    }
}

impl Shape {
    /// The step that it was made for; empty where it is nothing but a list.
    fn name(&self) -> &str {
        match self {
            Self::Step { node, .. } => &node.name,
            Self::Include { name, .. }
            | Self::Loop { name, .. }
            | Self::Repeat { name, .. }
            | Self::Hold { name, .. }
            | Self::Guard { name, .. }
            | Self::Background { name, .. } => name,
            Self::List(_) | Self::Parallel { .. } => "",
        }
    }
}

fn batches_of(count: usize, serial: u32, canary: Option<u32>) -> Vec<std::ops::Range<usize>> {
    let serial = usize::try_from(serial.max(1)).unwrap_or(usize::MAX);
    let apart = canary.map_or(0, |canary| usize::try_from(canary).unwrap_or(usize::MAX)).min(count);
    let mut batches = Vec::new();
    let mut from = 0;
    while from < count {
        let end = if from < apart { apart } else { count };
        let to = from.saturating_add(serial).min(end);
        batches.push(from..to);
        from = to;
    }
    batches
}
