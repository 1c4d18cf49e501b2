//! What is known of an aggregate before anything runs: which arguments it takes, what it gives.

use crate::expr::Type;
use crate::stream::aggregate::Function;

impl Function {
    /// What the argument has to be, in words.
    #[must_use]
    pub const fn wanted(self) -> &'static str {
        match self {
            Self::Count => "a condition",
            Self::First | Self::Last | Self::Distinct | Self::Collect(_) => "a value",
            Self::Min | Self::Max | Self::Top(_) => "a value with an order",
            Self::Sum
            | Self::Avg
            | Self::Variance(_)
            | Self::Stddev(_)
            | Self::Ema(_)
            | Self::Ewma(_)
            | Self::Quantile(_)
            | Self::Rate => "a number",
        }
    }

    /// Whether a value of type `ty` may be the argument.
    #[must_use]
    pub fn takes(self, ty: &Type) -> bool {
        match self {
            Self::Count => ty.may_be(&Type::Bool),
            Self::First | Self::Last | Self::Distinct | Self::Collect(_) => true,
            Self::Min | Self::Max | Self::Top(_) => !matches!(
                ty.non_null(),
                Type::List(_) | Type::Map(..) | Type::Record(_)
            ),
            Self::Sum
            | Self::Avg
            | Self::Variance(_)
            | Self::Stddev(_)
            | Self::Ema(_)
            | Self::Ewma(_)
            | Self::Quantile(_)
            | Self::Rate => ty.is_number() || ty.is_dyn(),
        }
    }

    /// What is known of the results where the argument is of type `argument`: null where no value
    /// that is not null came in, of most.
    #[must_use]
    pub fn result_type(self, argument: Option<&Type>) -> Type {
        let ty = argument.unwrap_or(&Type::Null);
        let may_be_null = matches!(ty, Type::Nullable(_) | Type::Dyn | Type::Null);
        let result = match self {
            Self::Count | Self::Distinct => return Type::Int,
            // One value alone has no sample variance, and a window may have no length.
            Self::Variance(_) | Self::Stddev(_) | Self::Rate => return Type::Double.nullable(),
            Self::Top(_) | Self::Collect(_) => return Type::list(ty.non_null().clone()),
            Self::Avg | Self::Ema(_) | Self::Ewma(_) | Self::Quantile(_) => Type::Double,
            Self::Sum | Self::Min | Self::Max | Self::First | Self::Last => ty.non_null().clone(),
        };
        match may_be_null {
            true => result.nullable(),
            false => result,
        }
    }
}
