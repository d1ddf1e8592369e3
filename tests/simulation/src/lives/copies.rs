//! Backups in the middle of a life, and the last one restored elsewhere when all lives are over.
//!
//! Not the files (the subject's). Always: whatever was acknowledged below the backup's index is there again, with the same foil.

use ground::Crash;

use super::{Run, Stop, Subject, uncaused};
use crate::auditor::Finding;

impl<S: Subject> Run<S> {
    /// A backup, while events come.
    pub(super) fn back_up(&mut self, subject: &mut S) -> Result<(), Stop> {
        self.setting.disk.mark_epoch("backup");
        let taken = subject.back_up(&mut |subject: &mut S| {
            if !self.random.chance(150) {
                return Ok(());
            }
            let deeds = self.publishers.submission();
            let sent = self.send(subject, &deeds);
            self.setting.disk.mark_epoch("backup");
            sent
        });
        if let Some(next) = taken? {
            self.summary.backups += 1;
            self.backup = Some((next, self.book.clone()));
        }
        Ok(())
    }

    /// Restores the last backup on a machine that lost its power since.
    pub(super) fn restore(&mut self) -> Result<(), Finding> {
        let Some((next, mut book)) = self.backup.take() else {
            return Ok(());
        };
        self.when = format!("the backup up to {next} restored");
        self.restart(Crash::PowerCut);
        self.setting.disk.mark_epoch("restore");
        let place = S::put_back(&self.setting, next).map_err(uncaused)?;
        self.restart(Crash::PowerCut);
        self.setting.disk.mark_epoch("open");
        let mut subject = S::open_elsewhere(&self.setting, place).map_err(uncaused)?;
        for (deed, _) in book.acknowledged_below(next) {
            let answers = subject.publish(&[deed]).map_err(uncaused)?;
            for answer in answers {
                book.answer(deed, answer)?;
            }
        }
        self.summary.restores += 1;
        self.close(subject);
        Ok(())
    }
}
